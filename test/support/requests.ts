/**
 * Requests made from the API's own document: valid ones, nearly valid ones and hostile ones. What the document says
 * a field is, it mostly gets; now and then anything else.
 */
import fc from 'fast-check';
import type { DocumentedOperation, OpenApi } from './openapi.ts';

export interface GeneratedRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** Values that mean something to the server under test, by the name of a field or parameter. */
export type Known = Record<string, readonly unknown[]>;

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  minimum?: number;
  maximum?: number;
  example?: unknown;
}

const hostileTexts = [
  '',
  ' ',
  '\u0000',
  '../../etc/passwd',
  "' or 1=1 --",
  '<script>alert(1)</script>',
  '$'.concat('{7*7}'),
  '%00',
  '%',
  '\ud800',
  '\u202e',
  '💾'.repeat(40),
  'x'.repeat(2_000),
  '-1',
  '0',
  '1e400',
  '9007199254740993',
  '99999999999999999999999',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  '2024-02-30T25:61:61Z',
  '0001-01-01T00:00:00Z',
  '+275760-09-13T00:00:00Z',
];

const hostileText = fc.oneof(fc.constantFrom(...hostileTexts), fc.string(), fc.string({ unit: 'binary' }));
const anything: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.jsonValue({ maxDepth: 2 }),
  fc.double(),
  fc.constantFrom<unknown>(null, true, -1, 1.5, 2 ** 53, 1e308, [], {}, [[[[]]]], { toString: 1 }),
);

/** `usual` most of the time, `other` in one case of `once`. */
function mostly<T>(usual: fc.Arbitrary<T>, other: fc.Arbitrary<T>, once = 15): fc.Arbitrary<T> {
  return fc.oneof({ weight: once - 1, arbitrary: usual }, { weight: 1, arbitrary: other });
}

export function requestsOf(
  description: OpenApi,
  known: Known,
  tokens: readonly string[],
): fc.Arbitrary<GeneratedRequest> {
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return fc
    .constantFrom(...operations)
    .chain(({ path, method, operation }) =>
      fc.record({
        method: mostly(
          fc.constant(method),
          fc.constantFrom('get', 'post', 'put', 'patch', 'delete', 'options'),
          40,
        ),
        path: pathOf(path, operation, known),
        query: queryOf(operation, known),
        headers: headersOf(tokens),
        body: bodyOf(operation, description, known),
      }),
    )
    .map(({ method, path, query, headers, body }) => {
      const verb = method.toUpperCase();
      const bodiless = verb === 'GET' || body === undefined;
      const { 'Content-Type': type, ...others } = headers;
      return {
        method: verb,
        path: query === '' ? path : `${path}?${query}`,
        headers: bodiless || type === '' ? others : { ...others, 'Content-Type': type ?? '' },
        ...(bodiless ? {} : { body }),
      };
    });
}

function pathOf(template: string, operation: DocumentedOperation, known: Known): fc.Arbitrary<string> {
  const kind = template.includes('/schedules/') ? 'schedule' : (template.split('/')[3] ?? '');
  const names = (operation.parameters ?? []).filter(({ in: place }) => place === 'path');
  const values = names.map(({ name }) =>
    mostly(fc.constantFrom(...(known[`${kind} ${name}`] ?? known[name] ?? [1])), anything, 6),
  );
  return fc
    .tuple(
      fc.tuple(...values),
      mostly(fc.constant(''), fc.constantFrom('/', '//', '/x', '%00'), 20),
      fc.boolean(),
    )
    .map(([given, ending, older]) => {
      const path = names.reduce(
        (text, { name }, index) => text.replace(`{${name}}`, () => encoded(given[index])),
        template,
      );
      const based = older && path.startsWith('/skybackup') ? `/2024${path}` : path;
      return based + ending;
    });
}

/** As a client puts it into a path: with what cannot stand there escaped. A lone surrogate has no such form. */
function encoded(value: unknown): string {
  const text = typeof value === 'string' ? value : String(JSON.stringify(value));
  return encodeURIComponent(text.toWellFormed()) || '%20';
}

function queryOf(operation: DocumentedOperation, known: Known): fc.Arbitrary<string> {
  const parameters = (operation.parameters ?? []).filter(({ in: place }) => place === 'query');
  const given = parameters.map(({ name, schema }) => {
    const value = mostly(valueOf(schema as Schema, name, undefined, known), anything, 8);
    return mostly<unknown>(fc.constant(undefined), value, 3).map((one) =>
      one === undefined ? [] : [`${name}=${encoded(one)}`],
    );
  });
  const extra = mostly<string[]>(
    fc.constant([]),
    fc.oneof(
      fc.tuple(hostileText, anything).map(([name, value]) => [`${encoded(name)}=${encoded(value)}`]),
      fc.constantFrom<string[][]>(['page=1', 'page=1'], ['&&='], ['%E0%A4%A=1'], ['page[]=1'], ['page']),
    ),
    12,
  );
  return fc.tuple(...given, extra).map((parts) => parts.flat().join('&'));
}

const mediaTypes = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/json; charset=latin1',
  '',
  'x',
];
const accepted = [
  '*/*',
  'application/vnd.skysql.2024+json',
  'text/html',
  'application/vnd.skysql.2024+json;q=0',
];

function headersOf(tokens: readonly string[]): fc.Arbitrary<Record<string, string>> {
  const plain = fc.string({ unit: fc.constantFrom(...'aZ09 -_.~$"<>/;=,'), maxLength: 300 });
  const optional = (name: string, value: fc.Arbitrary<string>, once: number) =>
    mostly<Record<string, string>>(
      fc.constant({}),
      value.map((text) => ({ [name]: text.trim() })),
      once,
    );
  return fc
    .tuple(
      fc.oneof(
        {
          weight: 20,
          arbitrary: fc.constantFrom(...tokens).map((token) => ({ Authorization: `Bearer ${token}` })),
        },
        { weight: 5, arbitrary: fc.constantFrom(...tokens).map((token) => ({ 'X-API-Key': token })) },
        { weight: 1, arbitrary: plain.map((text) => ({ Authorization: text.trim() })) },
        { weight: 1, arbitrary: fc.constant<Record<string, string>>({}) },
      ),
      mostly(fc.constant('application/json'), fc.constantFrom(...mediaTypes), 20).map((type) => ({
        'Content-Type': type,
      })),
      optional('Accept', fc.constantFrom(...accepted), 6),
      optional('Idempotency-Key', fc.oneof(fc.constantFrom('one', 'two', 'three'), plain), 8),
      optional('X-Request-Id', plain, 15),
      optional('X-Forwarded-For', plain, 15),
    )
    .map((parts) => Object.assign({}, ...parts) as Record<string, string>);
}

function bodyOf(
  operation: DocumentedOperation,
  description: OpenApi,
  known: Known,
): fc.Arbitrary<string | undefined> {
  const schema = operation.requestBody?.content['application/json']?.schema as Schema | undefined;
  const noise = fc.oneof(
    fc.constant(undefined),
    fc.string(),
    fc.json(),
    fc.constantFrom(
      '{',
      'null',
      '[]',
      '{}',
      '"x"',
      '{"a":1,}',
      '['.repeat(5_000),
      '{"__proto__":{}}',
      '\ufeff{}',
    ),
  );
  if (!schema) return mostly<string | undefined>(fc.constant(undefined), noise, 6);
  const valid = valueOf(schema, '', description, known).map(
    (value) => JSON.stringify(value) as string | undefined,
  );
  return mostly(valid, noise, 12);
}

/** A value as the schema has it, and sometimes not. */
function valueOf(
  schema: Schema,
  name: string,
  description: OpenApi | undefined,
  known: Known,
  depth = 0,
): fc.Arbitrary<unknown> {
  const inner = (one: Schema, called = name) => valueOf(one, called, description, known, depth + 1);
  const ours = known[name];
  if (ours) return mostly(fc.constantFrom(...ours), anything, 10);
  if (schema.$ref !== undefined) {
    const found = description?.components.schemas[schema.$ref.split('/').at(-1) ?? ''] as Schema | undefined;
    return found && depth < 10 ? inner(found) : anything;
  }
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices) return mostly(fc.oneof(...choices.map((one) => inner(one))), anything);
  if (schema.enum) return mostly(fc.constantFrom(...schema.enum), anything);
  if ('const' in schema) return mostly(fc.constant(schema.const), anything);
  if (schema.properties) return mostly(objectOf(schema, inner), anything, 30);
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  return mostly(
    fc.oneof(...types.map((type) => plainValue(type, schema, inner)), fc.constant(schema.example ?? '')),
    anything,
  );
}

function plainValue(
  type: string,
  schema: Schema,
  inner: (one: Schema) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  switch (type) {
    case 'integer':
    case 'number': {
      const { minimum: min = 0, maximum: max = 100_000 } = schema;
      return fc.oneof(
        fc.integer({ min, max: Math.min(max, min + 100) }),
        fc.constantFrom(min, max, min - 1, max + 1),
      );
    }
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(schema.items ? inner(schema.items) : anything, { maxLength: 4 });
    case 'object':
      return fc.dictionary(fc.string(), anything, { maxKeys: 3 });
    default:
      return hostileText;
  }
}

/** Mostly with every required field and some others; now and then with one that is unknown. */
function objectOf(
  schema: Schema,
  inner: (one: Schema, name: string) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  const fields = Object.entries(schema.properties ?? {}).map(([name, one]) => {
    const required = schema.required?.includes(name) ?? false;
    const there = inner(one, name).map((value): [string, unknown][] => [[name, value]]);
    const absent = fc.constant<[string, unknown][]>([]);
    return required ? mostly(there, absent, 20) : mostly(absent, there, 3);
  });
  const extra = mostly<[string, unknown][]>(
    fc.constant([]),
    fc.tuple(hostileText, anything).map(([name, value]) => [[name, value]]),
    20,
  );
  return fc.tuple(...fields, extra).map((parts) => Object.fromEntries(parts.flat()));
}
