import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { createRouter, type Part } from "chatkit-lambda-router";
import { useEffect, useState } from "react";

import { Documents } from "./Documents";
import { Forks } from "./Forks";
import { Memory } from "./Memory";
import { Person } from "./Person";
import { Search } from "./Search";
import { session } from "./session";
import { settings } from "./settings";
import { sharedToken } from "./shareAddress";
import { Shared } from "./Shared";
import { Shares } from "./Shares";
import { currentToken } from "./token";

/** The chat, with the thread that was open before the page was loaded. */
export function Chat() {
  const [following, setFollowing] = useState(false);
  const [person, setPerson] = useState(false);
  const [router] = useState(() =>
    createRouter({ ...settings, token: currentToken, onFollow: setFollowing, onPerson: setPerson }),
  );
  const [tenantDocuments] = useState(() => router.tenantDocuments());
  const [parts, setParts] = useState<ReadonlySet<Part>>(new Set());
  const [shared] = useState(sharedToken);
  useEffect(() => {
    router.parts().then(setParts, (error: unknown) => console.error("The parts of the page are not known:", error));
  }, [router]);
  const { control, setComposerValue } = useChatKit({
    api: router.api(settings.domainKey),
    initialThread: router.initialThread,
    theme: { colorScheme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light" },
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
  if (shared !== null) return <Shared router={router} token={shared} />;
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
      <div className="parts">
        {parts.has("search") && <Search router={router} />}
        <Memory router={router} />
        <Forks router={router} compose={(text) => setComposerValue({ text })} />
        {parts.has("shares") && <Shares router={router} mayBePublic={parts.has("public_shares")} />}
        {parts.has("person") && !person && <Person router={router} />}
        {parts.has("documents") && <Documents name="My documents" documents={router.documents} />}
        {parts.has("tenant_documents") && <Documents name="Documents for everybody" documents={tenantDocuments} />}
      </div>
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
