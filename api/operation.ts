/** One operation of the API: its path, what it takes and answers, who may ask, and what it does. */
import { type RouteConfig, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type ErrorName, errorTable } from '../domain/errors.ts';
import type { Role } from '../domain/operations.ts';
import { audited } from './audit.ts';
import { type Caller, type Known, requireRole, withRole } from './auth/caller.ts';
import type { ApiEnvironment, Parts } from './context.ts';
import { basePath, basePath2024, mediaType2024 } from './generations.ts';
import { type Answered, carryOutOnce, idempotencyKeyOf, type ReceiptFor } from './idempotency.ts';
import { type Input, type InputSchemas, readInput } from './input.ts';
import { errorAnswer } from './schemas/error.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** The answer of operations that have nothing to say: 200 without a body. */
export const empty = z.undefined();

interface Definition<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodType,
  A extends z.ZodType,
> extends InputSchemas<P, Q, B> {
  /** Stable name, camelCase: what generated clients call it. */
  name: string;
  method: Method;
  /** Below the base paths; parameters in braces. */
  path: string;
  summary: string;
  description?: string;
  /** The least role that may ask. */
  role: Role;
  answer: A;
  /** The media type of the answer, where it is not JSON. */
  answerType?: string;
  /** Headers that the operation reads by itself. */
  headers?: z.ZodObject;
  /** Where it can also be answered that there is nothing: what that means. */
  nothing?: string;
  /** Where the answer to clients of 2024 has another shape. */
  in2024?: { answer: z.ZodType; of: (answer: z.input<A>) => object };
  /** A body that runs against the sample of `npm start`, for `/docs`. */
  example?: object;
  /** What it can be refused with, besides what every operation can. */
  errors: ErrorName[];
  /** Of a POST: it changes nothing. Such requests are not audited. */
  reads?: true;
  /**
   * A POST that writes into the catalog hands `receipt((made) => answer)` over to the transaction that does, so that
   * the order and the answer kept under its Idempotency-Key are there together.
   */
  handle(
    request: Input<P, Q, B> & { caller: Caller; receipt: ReceiptFor<z.input<A>> },
    parts: Parts,
  ): Promise<z.input<A>>;
}

export interface Operation {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly role: Role;
  /** Its description, with the base path; one for each shape of its answer. */
  readonly routes: readonly RouteConfig[];
  /** What is answered is JSON, a stream of events, or nothing. @throws TidemarkError for everything that is refused */
  answer(c: Context<ApiEnvironment>, known: Known, parts: Parts): Promise<Answered>;
  /** The answer in the shape of 2024; left out where there is one shape. */
  in2024?(answer: object): object;
}

/** Errors that any operation can answer with. */
const commonErrors: ErrorName[] = [
  'invalid_request',
  'unauthorized',
  'forbidden',
  'internal',
  'too_many_requests',
  'catalog_unavailable',
  'issuer_unavailable',
];
const bodyErrors: ErrorName[] = [
  'invalid_json',
  'body_too_large',
  'unsupported_media_type',
  'malformed_request',
];
const postErrors: ErrorName[] = ['idempotency_key_reused', 'request_in_progress', 'sealing_key_missing'];

/**
 * @example
 * export const getSchedule = operation({ name: 'getSchedule', method: 'get', path: '/backups/schedules/{id}', … });
 */
export function operation<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodType,
  A extends z.ZodType,
>(definition: Definition<P, Q, B, A>): Operation {
  const { name, method, path, summary, role, in2024 } = definition;
  const changes = method !== 'get' && definition.reads !== true;
  return {
    name,
    method,
    path,
    summary,
    role,
    routes: routesOf(definition),
    async answer(c, known, parts) {
      return audited(c, { operation: { name, path }, changes, caller: known }, parts, async (begin) => {
        const caller = withRole(known);
        const authorize = (least: Role): void => requireRole(caller, least, `"${summary}"`);
        authorize(role);
        const key = idempotencyKeyOf(c);
        const input = await readInput(c, definition);
        await begin([input.params, input.body]);
        const request = {
          organization: caller.organization,
          operation: name,
          role: caller.role,
          content: input,
        };
        return carryOutOnce<z.input<A>>(key, request, parts, authorize, (receipt) =>
          definition.handle({ ...input, caller, receipt }, parts),
        );
      });
    },
    ...(in2024 && { in2024: (answer) => in2024.of(answer as z.input<A>) }),
  };
}

function routesOf<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType, A extends z.ZodType>(
  definition: Definition<P, Q, B, A>,
): RouteConfig[] {
  const { name, method, path, summary, description, role, params, query, body, answer, errors } = definition;
  const names = [
    ...commonErrors,
    ...(method === 'get' ? [] : bodyErrors),
    ...(method === 'post' ? postErrors : []),
    ...errors,
  ];
  const route = {
    operationId: name,
    method,
    path: basePath + path,
    summary,
    description: `${description ?? summary}\n\nNeeds the role ${role}.`,
    tags: [path.split('/')[1] ?? ''],
    security: [{ bearer: [] }, { apiKey: [] }] as Record<string, string[]>[],
    request: {
      params,
      query,
      ...(method === 'post' ? { headers: idempotencyHeader } : {}),
      ...(definition.headers && { headers: definition.headers }),
      ...(body ? { body: bodyOf(body, definition.example) } : {}),
    },
  };
  const answered = (content: Record<string, { schema: z.ZodType }>): RouteConfig['responses'] => ({
    200: { description: summary, ...(answer instanceof z.ZodUndefined ? {} : { content }) },
    ...(definition.nothing !== undefined && { 204: { description: definition.nothing } }),
    ...errorResponses(names),
  });
  const current = { [definition.answerType ?? 'application/json']: { schema: answer } };
  const { in2024 } = definition;
  if (!in2024) return [{ ...route, responses: answered(current) }];
  const other = { schema: in2024.answer };
  return [
    { ...route, responses: answered({ ...current, [mediaType2024]: other }) },
    {
      ...route,
      operationId: `${name}2024`,
      path: basePath2024 + path,
      summary: `${summary}, as in 2024`,
      responses: answered({ 'application/json': other, [mediaType2024]: other }),
    },
  ];
}

function bodyOf(
  schema: z.ZodType,
  example: object | undefined,
): NonNullable<NonNullable<RouteConfig['request']>['body']> {
  return { required: true, content: { 'application/json': { schema, ...(example && { example }) } } };
}

/** Only described here: what it has to be is said by idempotencyKeyOf. */
const idempotencyHeader = z.object({
  'Idempotency-Key': z.string().max(255).optional().openapi({
    description:
      'The same key with the same request gives the first 200 answer again for a day (with `Idempotent-Replayed: true`), and nothing is carried out twice; with another request it is 409.',
  }),
});

/** One entry a status, naming the errors that have it. */
function errorResponses(names: ErrorName[]): RouteConfig['responses'] {
  const statuses = new Map<number, ErrorName[]>();
  for (const name of names) {
    const { status } = errorTable[name];
    statuses.set(status, [...(statuses.get(status) ?? []), name]);
  }
  return Object.fromEntries(
    [...statuses].map(([status, grouped]) => [
      status,
      { description: grouped.join(', '), content: { 'application/json': { schema: errorAnswer } } },
    ]),
  );
}
