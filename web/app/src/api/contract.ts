// SPDX-License-Identifier: Apache-2.0
// The API's contract as types: build/contract.d.ts is made of api/contract by every build (tools/page), so a route that is gone, a parameter of
// another name, a body with another field, or an answer that schema.ts would refuse is an error of the build.
import type * as z from "zod/mini";
import type { components, paths } from "../../build/contract.d.ts";

export type Method = "get" | "post" | "delete";
export type Path<M extends Method> = { [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never }[keyof paths];
type Operation<M extends Method, P extends Path<M>> = paths[P][M];

type Json<A> = A extends { content: { "application/json": infer B } } ? B : never;
type Whole<R> = { [S in keyof R]: S extends 200 | 201 ? Json<R[S]> : never }[keyof R];
/** What is answered when it went well. */
export type Answer<M extends Method, P extends Path<M>> = Operation<M, P> extends { responses: infer R } ? Whole<R> : never;
/** What is sent. */
export type Body<P extends Path<"post">> = Operation<"post", P> extends { requestBody: { content: { "application/json": infer B } } } ? B : undefined;
/** `{id}` in the address. */
export type Places<M extends Method, P extends Path<M>> =
  paths[P] extends { parameters: { path: infer A extends object } } ? A : Operation<M, P> extends { parameters: { path: infer A extends object } } ? A : Record<never, never>;
export type Query<M extends Method, P extends Path<M>> =
  Operation<M, P> extends { parameters: { query?: infer Q } } ? { readonly [K in keyof NonNullable<Q>]?: NonNullable<Q>[K] | undefined } : Record<never, never>;

export type Schema = components["schemas"];

/** Where, in what the contract says may come, a schema would refuse it: ".items[].host_id" and why. */
type Refused<A, I> = [A] extends [I] ? never
  : [A & NonNullable<unknown>] extends [I] ? " may be null or missing"
  : A & NonNullable<unknown> extends readonly (infer X)[] ? (I & NonNullable<unknown> extends readonly (infer Y)[] ? `[]${Refused<X, Y>}` : " is a list")
  : I & NonNullable<unknown> extends infer O extends object ? { [K in keyof O & string]: `.${K}${Field<A & NonNullable<unknown>, K, O[K]>}` }[keyof O & string]
  : " is something else";
type Field<A, K extends string, I> = A extends Record<K, infer F> ? Refused<F, I> : A extends { readonly [N in K]?: infer F } ? Refused<F | undefined, I> : undefined extends I ? never : " is not there";
/** A schema that takes all that the contract says may come; else what it would refuse. */
export type Takes<S extends z.ZodMiniType, A> = [A] extends [z.input<S>] ? S : { readonly "not as the contract has it": Refused<A, z.input<S>> };

/** The address: places filled in, what is not asked for left out. */
export function address(path: string, places: object = {}, query: object = {}): string {
  const fill = new Map(Object.entries(places));
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(fill.get(name))));
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) asked.set(name, String(value));
  const text = asked.toString();
  return text === "" ? filled : `${filled}?${text}`;
}
