interface ImportMetaEnv {
  readonly VITE_STREAM_URL?: string;
  readonly VITE_API_URL?: string;
  readonly VITE_DOMAIN_KEY?: string;
}
