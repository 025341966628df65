// SPDX-License-Identifier: Apache-2.0
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { toast } from "sonner";
import { newQueries } from "./api/queries.ts";
import { startLive } from "./live/live.ts";
import { problemOfError } from "./parts/States.tsx";
import { router } from "./router.tsx";
import { signInFromLink } from "./wallet/signin.ts";
import "sonner/dist/styles.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/parts.css";
import "./styles/wizard.css";
import "./styles/job.css";
import "./styles/account.css";

const queries = newQueries();
startLive(queries);
const fromLink = () => signInFromLink().catch((error: unknown) => toast.error(problemOfError(error).message));
window.addEventListener("hashchange", () => void fromLink());
void fromLink();

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
