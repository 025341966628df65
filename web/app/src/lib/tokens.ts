// SPDX-License-Identifier: Apache-2.0
import type { Token } from "../api/account.ts";

/** Whether it still opens anything. */
export const isWorth = (token: Pick<Token, "revoked_at" | "expires_at">, now: number): boolean => token.revoked_at === null && (token.expires_at === null || Date.parse(token.expires_at) > now);

export const tokenName = (token: Pick<Token, "label" | "host_id">): string => (token.host_id !== null ? `machine ${token.label}`.trim() : token.label === "page" ? "a browser" : token.label || "a token without a name");
