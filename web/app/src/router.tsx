// SPDX-License-Identifier: Apache-2.0
// Every place of the page has an address; its code is loaded when somebody goes there.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { jobStatuses, orders, type JobStatus, type Order } from "./api/schema.ts";
import { Frame } from "./frame/Frame.tsx";
import { ErrorPanel, EmptyState, Skeleton } from "./parts/States.tsx";
import { Overview } from "./pages/Overview.tsx";

const oneOf = <T extends string>(list: readonly T[], value: unknown): T | undefined => list.find((item) => item === value);

const root = createRootRoute({
  component: Frame,
  notFoundComponent: () => (
    <EmptyState title="There is no such page" action={<a className="button" href="/">To the overview</a>}>
      The address may have been typed or copied wrongly.
    </EmptyState>
  ),
});

const overview = createRoute({ getParentRoute: () => root, path: "/", component: Overview });
const upload = createRoute({ getParentRoute: () => root, path: "/new", component: lazyRouteComponent(() => import("./pages/new/Upload.tsx"), "UploadStep") });
const offers = createRoute({
  getParentRoute: () => root,
  path: "/new/$upload/offers",
  validateSearch: (search: Record<string, unknown>): { order?: Order } => {
    const order = oneOf(orders, search["order"]);
    return order === undefined ? {} : { order };
  },
  component: lazyRouteComponent(() => import("./pages/new/Offers.tsx"), "OffersStep"),
});
const settings = createRoute({ getParentRoute: () => root, path: "/new/$upload/settings", component: lazyRouteComponent(() => import("./pages/new/Settings.tsx"), "SettingsStep") });
const pay = createRoute({ getParentRoute: () => root, path: "/new/$upload/pay", component: lazyRouteComponent(() => import("./pages/new/Pay.tsx"), "PayStep") });

export type Role = "consumer" | "provider";
const jobs = createRoute({
  getParentRoute: () => root,
  path: "/jobs",
  validateSearch: (search: Record<string, unknown>): { status?: JobStatus; role?: Role; before?: string } => {
    const status = oneOf(jobStatuses, search["status"]);
    const before = search["before"];
    return {
      ...(status === undefined ? {} : { status }),
      ...(search["role"] === "provider" ? { role: "provider" as const } : {}),
      ...(typeof before === "string" || typeof before === "number" ? { before: String(before) } : {}),
    };
  },
  component: lazyRouteComponent(() => import("./pages/Jobs.tsx"), "Jobs"),
});
const job = createRoute({ getParentRoute: () => root, path: "/jobs/$job", component: lazyRouteComponent(() => import("./pages/job/JobPage.tsx"), "JobPage") });
const market = createRoute({ getParentRoute: () => root, path: "/market", component: lazyRouteComponent(() => import("./pages/Market.tsx"), "Market") });
const earnings = createRoute({ getParentRoute: () => root, path: "/earnings", component: lazyRouteComponent(() => import("./pages/Earnings.tsx"), "Earnings") });
const money = createRoute({
  getParentRoute: () => root,
  path: "/money",
  validateSearch: (search: Record<string, unknown>): { before?: string } => {
    const before = search["before"];
    return typeof before === "string" || typeof before === "number" ? { before: String(before) } : {};
  },
  component: lazyRouteComponent(() => import("./pages/Money.tsx"), "Money"),
});
const events = createRoute({ getParentRoute: () => root, path: "/events", component: lazyRouteComponent(() => import("./pages/Events.tsx"), "Events") });
const walletPage = createRoute({ getParentRoute: () => root, path: "/wallet", component: lazyRouteComponent(() => import("./pages/WalletPage.tsx"), "WalletPage") });

export const router = createRouter({
  routeTree: root.addChildren([overview, upload, offers, settings, pay, jobs, job, market, earnings, money, events, walletPage]),
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultPendingComponent: () => <Skeleton rows={6} />,
  defaultErrorComponent: ({ error, reset }) => <ErrorPanel error={error} retry={reset} safe="This is a fault of the page. Your jobs and your money do not depend on it." />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
