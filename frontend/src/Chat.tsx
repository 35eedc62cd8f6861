import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { createRouter } from "chatkit-lambda-router";
import { useState } from "react";

import { settings } from "./settings";
import { currentToken } from "./token";

let setFollowing: (following: boolean) => void = () => {};

const router = createRouter({
  streamUrl: settings.streamUrl,
  apiUrl: settings.apiUrl,
  token: currentToken,
  onFollow: (following) => setFollowing(following),
});

/** The chat, with the thread that was open before the page was loaded. */
export function Chat() {
  const [following, changeFollowing] = useState(false);
  setFollowing = changeFollowing;
  const { control } = useChatKit({
    api: router.api(settings.domainKey),
    initialThread: router.initialThread,
    composer: { attachments: { enabled: true } },
    threadItemActions: { feedback: true, retry: true },
    startScreen: {
      greeting: "What can I do for you?",
      prompts: [
        { label: "My tasks", prompt: "list my tasks" },
        { label: "Add a task", prompt: "add task buy milk" },
      ],
    },
    onError: ({ error }) => console.error("ChatKit:", error),
  });
  return (
    <>
      {following && (
        <div role="status">
          The assistant is still answering. <button onClick={() => void router.stop()}>Stop the answer</button>
        </div>
      )}
      <ChatKit control={control} ref={router.attach} style={{ height: "100%", width: "100%" }} />
    </>
  );
}
