/** Holds answers of the API against the document that it serves. */
import { Ajv2020 } from 'ajv/dist/2020.js';

export interface OpenApi {
  openapi: string;
  components: { schemas: Record<string, object> };
  paths: Record<string, Record<string, DocumentedOperation>>;
}

export interface DocumentedOperation {
  operationId: string;
  description: string;
  parameters?: { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema: object }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

/** An answer as it came; `path` without origin, with its query. */
export interface Answered {
  method: string;
  path: string;
  status: number;
  contentType: string;
  text: string;
}

/** Throws when the answer is not what the document promises. */
export type Checker = (answer: Answered) => void;

export function checkerOf(description: OpenApi): Checker {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(description, 'api');
  const operationOf = finder(description);
  return ({ method, path, status, contentType, text }) => {
    const fail = (why: string): never => {
      throw new Error(`${method} ${path} answered ${status}, which the document does not promise: ${why}`);
    };
    const found = operationOf(method, path);
    if (!found) {
      if (status < 400) return;
      return validate('api#/components/schemas/Error');
    }
    const promised = found.operation.responses[String(status)];
    // A method that a path does not have, or a path with what no path can hold, is no answer of the operation.
    if (!promised) return fail('no such status');
    if (method === 'HEAD') return;
    if (!promised.content) {
      if (text !== '') fail('a body');
      return;
    }
    const [type = ''] = contentType.split(';');
    if (!promised.content[type]) fail(`the media type ${type}`);
    if (!type.endsWith('json')) return;
    validate(`${found.pointer}/responses/${status}/content/${escapePointer(type)}/schema`);

    function validate(pointer: string): void {
      const schema = ajv.getSchema(pointer);
      if (!schema) throw new Error(`no schema at ${pointer}`);
      const body = text === '' ? undefined : (JSON.parse(text) as unknown);
      if (method !== 'HEAD' && schema(body) !== true) fail(`${ajv.errorsText(schema.errors)}\n${text}`);
    }
  };
}

interface Found {
  operation: DocumentedOperation;
  pointer: string;
}

/**
 * The operation that a request is for: fixed segments win. What the document does not have for 2024 is as in the
 * current generation.
 */
function finder({ paths }: OpenApi): (method: string, path: string) => Found | undefined {
  const templates = Object.keys(paths)
    .map((template) => ({ template, form: formOf(template), parameters: template.split('{').length }))
    .toSorted((a, b) => a.parameters - b.parameters);
  return (method, path) => {
    const [plain = ''] = path.split('?');
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    const asked = [plain, plain.replace(/^\/2024\//, '/')];
    const fitting = templates.filter(({ form }) => asked.some((one) => form.test(one)));
    const [first] = fitting;
    const equals = fitting.filter(({ parameters }) => parameters === first?.parameters);
    const found = equals.find(({ form }) => form.test(plain)) ?? first;
    const operation = found && paths[found.template]?.[verb];
    return operation && { operation, pointer: `api#/paths/${escapePointer(found.template)}/${verb}` };
  };
}

function formOf(template: string): RegExp {
  return new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`);
}

function escapePointer(text: string): string {
  return encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));
}
