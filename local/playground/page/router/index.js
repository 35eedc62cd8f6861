import { ChatKitRouter } from "./router.js";
/** Make the router between one ChatKit element and a ChatKit on Lambda backend. */
export function createRouter(options) {
    return new ChatKitRouter(options);
}
