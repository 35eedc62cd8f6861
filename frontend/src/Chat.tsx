import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { createRouter } from "chatkit-lambda-router";
import { useState } from "react";

import { Forks } from "./Forks";
import { Memory } from "./Memory";
import { Search } from "./Search";
import { session } from "./session";
import { settings } from "./settings";
import { currentToken } from "./token";

/** The chat, with the thread that was open before the page was loaded. */
export function Chat() {
  const [following, setFollowing] = useState(false);
  const [person, setPerson] = useState(false);
  const [router] = useState(() =>
    createRouter({ ...settings, token: currentToken, onFollow: setFollowing, onPerson: setPerson }),
  );
  const { control, setComposerValue } = useChatKit({
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
    <div className="chat">
      {following && (
        <p role="status">
          The assistant is still answering. <button onClick={() => void router.stop()}>Stop the answer</button>
        </p>
      )}
      {person && (
        <p role="status">
          A person answers here.{" "}
          <button onClick={() => void router.people.returnToAssistant()}>Back to the assistant</button>
        </p>
      )}
      <Search router={router} />
      <Memory router={router} />
      <Forks router={router} compose={(text) => setComposerValue({ text })} />
      {session && (
        <p>
          <button
            onClick={() => {
              router.forget();
              session?.signOut();
            }}
          >
            Sign out
          </button>
        </p>
      )}
      <ChatKit control={control} ref={router.attach} className="element" />
    </div>
  );
}
