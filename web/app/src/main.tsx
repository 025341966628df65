// SPDX-License-Identifier: Apache-2.0
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { toast } from "sonner";
import { Problem } from "./api/client.ts";
import { startLive } from "./live/live.ts";
import { problemOfError } from "./parts/States.tsx";
import { router } from "./router.tsx";
import { signInFromLink } from "./wallet/signin.ts";
import { session } from "./wallet/session.ts";
import "sonner/dist/styles.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/parts.css";
import "./styles/wizard.css";
import "./styles/job.css";
import "./styles/account.css";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchInterval: 30_000, // R13.6; what changes in between is told by the feed
      refetchOnWindowFocus: false,
      retry: (count, error) => error instanceof Problem && error.mayRetry && count < 2,
    },
  },
});

// A token that is no good any more is forgotten; one that cannot be checked now is kept.
queries.getQueryCache().subscribe((event) => {
  if (event.type === "updated" && event.action.type === "error" && event.action.error instanceof Problem && event.action.error.status === 401) session.set(null);
});

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
