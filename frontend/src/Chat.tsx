import { ChatKit, useChatKit } from "@openai/chatkit-react";

import { createFetchRouter } from "./fetchRouter";
import { settings } from "./settings";
import { currentToken } from "./token";

const THREAD = "thread";
const routedFetch = createFetchRouter(settings, currentToken);

/** The chat, in the thread that was open when the page was last seen. */
export function Chat() {
  const { control } = useChatKit({
    api: {
      url: settings.streamUrl,
      domainKey: settings.domainKey,
      uploadStrategy: { type: "two_phase" },
      fetch: routedFetch,
    },
    initialThread: sessionStorage.getItem(THREAD),
    composer: { attachments: { enabled: true } },
    threadItemActions: { feedback: true, retry: true },
    startScreen: {
      greeting: "What can I do for you?",
      prompts: [
        { label: "My tasks", prompt: "list my tasks" },
        { label: "Add a task", prompt: "add task buy milk" },
      ],
    },
    onThreadChange: ({ threadId }) => {
      if (threadId) sessionStorage.setItem(THREAD, threadId);
      else sessionStorage.removeItem(THREAD);
    },
    onError: ({ error }) => console.error("ChatKit:", error),
  });
  return <ChatKit control={control} style={{ height: "100%", width: "100%" }} />;
}
