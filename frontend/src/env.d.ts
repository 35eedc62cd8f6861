interface ImportMetaEnv {
  readonly VITE_STREAM_URL?: string;
  readonly VITE_API_URL?: string;
  readonly VITE_FRONT_DOOR?: string;
  readonly VITE_DOMAIN_KEY?: string;
  readonly VITE_SIGN_IN_URL?: string;
  readonly VITE_SIGN_IN_CLIENT_ID?: string;
}
