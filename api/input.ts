/** Reads what a request brings: path, query and body, each against its schema, all findings at once. */
import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { withoutSecretKeys } from '../domain/age.ts';
import { type ErrorItem, type ErrorName, TidemarkError } from '../domain/errors.ts';
import { readBody } from './body.ts';
import { findingsOf, type Place } from './findings.ts';
import { parseJson } from './json.ts';
import { nothing } from './schemas/common.ts';

const noBytes = new ArrayBuffer(0);

/** What an operation takes. */
export interface InputSchemas<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  params: P;
  query: Q;
  body?: B;
  /** Error names of body fields for which the table has one of their own. */
  fieldErrors?: Record<string, ErrorName>;
  /** Looks at a body before its schema does: for one that belongs elsewhere. */
  inspectBody?: (body: unknown) => void;
}

export interface Input<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  params: z.output<P>;
  query: z.output<Q>;
  body: z.output<B>;
}

/**
 * @throws invalid_request, invalid_json, unsupported_media_type, body_too_large, malformed_request, or what
 *   `fieldErrors` names
 */
export async function readInput<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  c: Context,
  schemas: InputSchemas<P, Q, B>,
): Promise<Input<P, Q, B>> {
  const findings: ErrorItem[] = [];
  const accept = <S extends z.ZodType>(schema: S, place: Place, values: unknown): z.output<S> | undefined => {
    const result = schema.safeParse(values);
    if (result.success) return result.data;
    findings.push(
      ...findingsOf(result.error, place, values, place === 'field' ? schemas.fieldErrors : undefined),
    );
    return undefined;
  };
  const params = accept(schemas.params, 'path segment', c.req.param());
  const query = accept(schemas.query, 'query parameter', readQuery(c, findings));
  let body: z.output<B> | undefined;
  // Of a GET whatever comes along is ignored; elsewhere a body that nothing is done with would be misunderstood.
  const bytes = c.req.method === 'GET' || c.req.method === 'HEAD' ? noBytes : await readBody(c);
  if (schemas.body) {
    const content = parseBody(c, bytes, findings);
    if (content) {
      schemas.inspectBody?.(content.value);
      body = accept(schemas.body, 'field', content.value);
    }
  } else if (bytes.byteLength > 0) {
    const content = parseBody(c, bytes, findings);
    if (content) accept(nothing, 'field', content.value);
  }
  const [first] = findings;
  if (first) throw new TidemarkError(first.error, first.message, { items: findings });
  return { params, query, body } as Input<P, Q, B>;
}

/** Each parameter once: of two, one would silently win. */
function readQuery(c: Context, findings: ErrorItem[]): Record<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of new URL(c.req.url).searchParams) {
    if (values.has(name)) {
      findings.push({
        error: 'invalid_request',
        message: `The query parameter "${name.slice(0, 60)}" is there more than once: write it once.`,
      });
    } else values.set(name, value);
  }
  return Object.fromEntries(values);
}

function parseBody(c: Context, bytes: ArrayBuffer, findings: ErrorItem[]): { value: unknown } | undefined {
  if (bytes.byteLength === 0) return refuse(findings, 'The body is empty: a JSON object is needed.');
  checkMediaType(c.req.header('content-type'));
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuse(findings, 'The body is not UTF-8.');
  }
  const parsed = parseJson(text);
  if ('value' in parsed) {
    for (const name of parsed.repeated) {
      const message = `The field "${withoutSecretKeys(name).slice(0, 60)}" is there more than once: write it once.`;
      findings.push({ error: 'invalid_request', message });
    }
    return parsed;
  }
  const { offset, line, column } = parsed;
  const what = offset >= text.length ? 'it ends too early' : 'there is something else than JSON allows';
  return refuse(
    findings,
    `The body is not JSON: at position ${offset} (line ${line}, column ${column}) ${what}.`,
  );
}

function refuse(findings: ErrorItem[], message: string): undefined {
  findings.push({ error: 'invalid_json', message });
  return undefined;
}

function checkMediaType(header: string | undefined): void {
  const [type = '', ...parameters] = (header ?? '').split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  const isJson = /^application\/([a-z0-9.+-]+\+)?json$/.test(type);
  const isUtf8 = charset === undefined || /^"?utf-?8"?$/.test(charset);
  if (isJson && isUtf8) return;
  const found = header === undefined ? 'has no Content-Type' : `is declared as ${header.slice(0, 100)}`;
  throw new TidemarkError(
    'unsupported_media_type',
    `The body ${found}: send JSON in UTF-8 with "Content-Type: application/json".`,
  );
}
