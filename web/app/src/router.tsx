// SPDX-License-Identifier: Apache-2.0
// Every place of the page has an address; its code is loaded when somebody goes there.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { paymentKinds, type PaymentKind } from "./api/account.ts";
import { jobStatuses, orders, type JobStatus, type Order } from "./api/schema.ts";
import { Frame } from "./frame/Frame.tsx";
import { isDay, type Period } from "./lib/days.ts";
import { SORTS, type MarketFilter } from "./lib/market.ts";
import { ErrorPanel, EmptyState, Skeleton } from "./parts/States.tsx";
import { Overview } from "./pages/Overview.tsx";

const oneOf = <T extends string>(list: readonly T[], value: unknown): T | undefined => list.find((item) => item === value);
const given = <Name extends string, T>(name: Name, value: T | undefined) => (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: T };
const sequenceOf = (value: unknown): number | undefined => (Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined);
const daysOf = (search: Record<string, unknown>): Partial<Period> => ({
  ...(isDay(search["from"]) ? { from: search["from"] } : {}),
  ...(isDay(search["until"]) ? { until: search["until"] } : {}),
});

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
const job = createRoute({
  getParentRoute: () => root,
  path: "/jobs/$job",
  validateSearch: (search: Record<string, unknown>): { at?: number } => (Number.isSafeInteger(search["at"]) && Number(search["at"]) > 0 ? { at: Number(search["at"]) } : {}),
  component: lazyRouteComponent(() => import("./pages/job/JobPage.tsx"), "JobPage"),
});
const market = createRoute({
  getParentRoute: () => root,
  path: "/market",
  validateSearch: (search: Record<string, unknown>): MarketFilter => ({
    ...(typeof search["q"] === "string" || typeof search["q"] === "number" ? { q: String(search["q"]) } : {}), // a search for 4090 is read as a number
    ...given("device", oneOf(["gpu", "cpu"] as const, search["device"])),
    ...(search["free"] === true ? { free: true as const } : {}),
    ...(typeof search["has"] === "string" && /^\w{1,64}$/.test(search["has"]) ? { has: search["has"] } : {}),
    ...given("sort", oneOf(SORTS, search["sort"])),
  }),
  component: lazyRouteComponent(() => import("./pages/Market.tsx"), "Market"),
});
const machines = createRoute({ getParentRoute: () => root, path: "/machines", component: lazyRouteComponent(() => import("./pages/Machines.tsx"), "Machines") });
const earnings = createRoute({ getParentRoute: () => root, path: "/earnings", component: lazyRouteComponent(() => import("./pages/earnings/Earnings.tsx"), "Earnings") });
const statement = createRoute({ getParentRoute: () => root, path: "/earnings/statement", validateSearch: daysOf, component: lazyRouteComponent(() => import("./pages/earnings/Statement.tsx"), "Statement") });
const money = createRoute({
  getParentRoute: () => root,
  path: "/money",
  validateSearch: (search: Record<string, unknown>): Partial<Period> & { kind?: PaymentKind; before?: number; open?: number } => ({
    ...daysOf(search),
    ...given("kind", oneOf(paymentKinds, search["kind"])),
    ...given("before", sequenceOf(search["before"])),
    ...given("open", sequenceOf(search["open"])),
  }),
  component: lazyRouteComponent(() => import("./pages/money/Money.tsx"), "Money"),
});
const events = createRoute({
  getParentRoute: () => root,
  path: "/events",
  validateSearch: (search: Record<string, unknown>): { at?: number; type?: string; stream?: string } => ({
    ...given("at", sequenceOf(search["at"])),
    ...(typeof search["type"] === "string" && /^[a-z_.]{1,40}$/.test(search["type"]) ? { type: search["type"] } : {}),
    ...(typeof search["stream"] === "string" && /^[a-z]{1,10}:[0-9a-f-]{36}$/.test(search["stream"]) ? { stream: search["stream"] } : {}),
  }),
  component: lazyRouteComponent(() => import("./pages/events/Events.tsx"), "Events"),
});
const settingsPage = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  validateSearch: (search: Record<string, unknown>): { before?: number } => given("before", sequenceOf(search["before"])),
  component: lazyRouteComponent(() => import("./pages/SettingsPage.tsx"), "SettingsPage"),
});
const webhookPage = createRoute({ getParentRoute: () => root, path: "/settings/webhooks/$webhook", component: lazyRouteComponent(() => import("./pages/webhooks/WebhookPage.tsx"), "WebhookPage") });
const status = createRoute({ getParentRoute: () => root, path: "/status", component: lazyRouteComponent(() => import("./pages/Status.tsx"), "Status") });
const estimates = createRoute({ getParentRoute: () => root, path: "/estimates", component: lazyRouteComponent(() => import("./pages/Estimates.tsx"), "Estimates") });
const walletPage = createRoute({ getParentRoute: () => root, path: "/wallet", component: lazyRouteComponent(() => import("./pages/WalletPage.tsx"), "WalletPage") });

export const router = createRouter({
  routeTree: root.addChildren([overview, upload, offers, settings, pay, jobs, job, market, machines, earnings, statement, money, events, settingsPage, webhookPage, status, estimates, walletPage]),
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
