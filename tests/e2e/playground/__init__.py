"""The playground page in a real browser, against a scripted server that speaks the SDK's own protocol."""
