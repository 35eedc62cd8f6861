import { say } from "../element/texts.js";

/** The ChatKit URL that the header's switch chooses. */
export const endpointUrl = (urls, settings) => (settings.endpoint === "chat" ? urls.chatUrl : urls.streamUrl);

/**
 * The element's whole set of options: everything the sample backend can do, switched on.
 * `composer`, if any, names the models and tools that the deployment offers.
 */
export function chatOptions({ urls, settings, fetch, composer, entities, initialThread, onClientTool, onStop, attachmentUrl }) {
  const direct = { type: "direct", uploadUrl: urls.uploadUrl };
  return {
    api: {
      url: endpointUrl(urls, settings),
      domainKey: "local",
      fetch,
      uploadStrategy: settings.upload === "direct" ? direct : { type: "two_phase" },
    },
    standIn: { turnHeader: "x-turn-id", onStop, attachmentUrl },
    theme: { colorScheme: settings.theme },
    initialThread,
    onClientTool,
    threadItemActions: { feedback: true, retry: true },
    startScreen: {
      greeting: say("What can I help with today?"),
      prompts: [
        { label: say("Show my tasks"), prompt: "List my tasks", icon: "notebook" },
        { label: say("Add a task"), prompt: "Add task Water the plants", icon: "plus" },
        { label: say("Who is employee 7?"), prompt: "Who is employee 7?", icon: "profile-card" },
        { label: say("Ask about an invoice"), prompt: "What is the state of my invoice?", icon: "suitcase" },
      ],
    },
    composer: {
      placeholder: say("Write a message, @ to mention"),
      attachments: { enabled: true },
      dictation: { enabled: true },
      ...composer,
    },
    entities: { ...entities, showComposerMenu: true },
    widgets: {
      async onAction(action, item) {
        console.info("widget action handled in the page", action, item.id);
      },
    },
    disclaimer: { text: say("A local playground: answers come from the provider named above.") },
  };
}
