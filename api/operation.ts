/** One operation of the API: its path, what it takes and answers, who may ask, and what it does. */
import type { RouteConfig, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type ErrorName, errorTable, TidemarkError } from '../domain/errors.ts';
import type { Role } from '../domain/operations.ts';
import { type Caller, requireRole } from './auth/caller.ts';
import type { ApiEnvironment, Parts } from './context.ts';
import { type Input, type InputSchemas, readInput } from './input.ts';
import { errorAnswer } from './schemas/error.ts';

interface Definition<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodType,
  A extends z.ZodType,
> extends InputSchemas<P, Q, B> {
  /** Stable name, camelCase: what generated clients call it. */
  name: string;
  method: 'get' | 'post';
  /** Below the base path; parameters in braces. */
  path: string;
  summary: string;
  description?: string;
  /** The least role that may ask. */
  role: Role;
  answer: A;
  /** What it can be refused with, besides what every operation can. */
  errors: ErrorName[];
  handle(request: Input<P, Q, B> & { caller: Caller }, parts: Parts): Promise<z.input<A>>;
}

export interface Operation {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly summary: string;
  readonly route: RouteConfig;
  /** @throws TidemarkError for everything that is refused */
  answer(c: Context<ApiEnvironment>, caller: Caller, parts: Parts): Promise<object>;
}

/** Errors that any operation can answer with. */
const commonErrors: ErrorName[] = [
  'invalid_request',
  'unauthorized',
  'forbidden',
  'internal',
  'catalog_unavailable',
  'issuer_unavailable',
];
const bodyErrors: ErrorName[] = ['invalid_json', 'body_too_large', 'unsupported_media_type'];

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
  const { method, path, summary } = definition;
  return {
    method,
    path,
    summary,
    route: routeOf(definition),
    async answer(c, caller, parts) {
      requireRole(caller, definition.role, `"${summary}"`);
      refuseIdempotencyKey(c);
      const input = await readInput(c, definition);
      return (await definition.handle({ ...input, caller }, parts)) as object;
    },
  };
}

/** To ignore it would run an order twice where the client relies on once. */
function refuseIdempotencyKey(c: Context): void {
  if (c.req.method !== 'POST' || c.req.header('idempotency-key') === undefined) return;
  throw new TidemarkError(
    'not_available',
    'Idempotency-Key is not available yet: leave the header out, and look into the list before an order is repeated.',
  );
}

function routeOf<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType, A extends z.ZodType>(
  definition: Definition<P, Q, B, A>,
): RouteConfig {
  const { name, method, path, summary, description, role, params, query, body, answer, errors } = definition;
  const names = [...commonErrors, ...(body ? bodyErrors : []), ...errors];
  const described = `${description ?? summary}\n\nNeeds the role ${role}.`;
  return {
    operationId: name,
    method,
    path,
    summary,
    description: described,
    security: [{ bearer: [] }, { apiKey: [] }],
    request: {
      params,
      query,
      ...(body ? { body: { required: true, content: { 'application/json': { schema: body } } } } : {}),
    },
    responses: {
      200: { description: summary, content: { 'application/json': { schema: answer } } },
      ...errorResponses(names),
    },
  };
}

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
