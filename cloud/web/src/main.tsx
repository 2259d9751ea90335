/** Starts the page. */
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { Fault } from "./components/Fault";
import { pageLanguage } from "./language";
import { client } from "./queries";
import { restoreTheme } from "./theme";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/worklist.css";
import "./styles/review.css";
import "./styles/beds.css";
import "./styles/pulls.css";
import "./styles/desk.css";
import "./styles/annotation.css";
import "./styles/account.css";
import "./styles/suggestion.css";

restoreTheme();
document.documentElement.lang = pageLanguage();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Fault>
        <QueryClientProvider client={client}>
          <App />
        </QueryClientProvider>
      </Fault>
    </StrictMode>,
  );
}
