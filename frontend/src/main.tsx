import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Chat } from "./Chat";
import { Gate } from "./Gate";
import "./page.css";
import { session } from "./session";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id `root`.");
createRoot(root).render(
  <StrictMode>
    {session ? (
      <Gate session={session}>
        <Chat />
      </Gate>
    ) : (
      <Chat />
    )}
  </StrictMode>,
);
