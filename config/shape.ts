/** What a schema says of its settings: the source of messages, of `--help` and of docs/configuration.md. */
import { z } from 'zod';

export interface SettingInfo {
  /** Keys from the top, joined by dots: `server.control.unit`. */
  path: string;
  /** Set for a setting of one variant of a choice, `kind: systemd`, or of a group that may be left out, `jwt`. */
  variant: string;
  /** What may be written, as a phrase: `a whole number from 1 to 64`. */
  allowed: string;
  required: boolean;
  /** As it would be written; left out when there is none. */
  defaultValue?: unknown;
  description: string;
}

/** The part of JSON Schema that zod writes for our settings. `allowed` is our own metadata, see values.ts. */
interface Node {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  items?: Node;
  properties?: Record<string, Node>;
  required?: string[];
  oneOf?: Node[];
  default?: unknown;
  description?: string;
  allowed?: string;
}

/** Every setting of a schema, in the order of the schema; of groups only what is in them. */
export function settingsOf(schema: z.ZodType): SettingInfo[] {
  return [...walk(z.toJSONSchema(schema, { io: 'input' }) as Node, '', '')];
}

function* walk(group: Node, prefix: string, variant: string): Generator<SettingInfo> {
  for (const [key, node] of Object.entries(group.properties ?? {})) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    if (node.oneOf) {
      yield* walkChoice(node, path);
    } else if (node.properties) {
      const optional = node.default === undefined && !group.required?.includes(key);
      yield* walk(node, path, optional ? path : variant);
    } else {
      yield {
        path,
        variant,
        allowed: allowedBy(node),
        required: group.required?.includes(key) ?? false,
        ...(node.default === undefined ? {} : { defaultValue: node.default }),
        description: node.description ?? '',
      };
    }
  }
}

/** A choice between groups that a key `kind` tells apart. */
function* walkChoice(choice: Node, path: string): Generator<SettingInfo> {
  const variants = (choice.oneOf ?? []).map((node) => ({
    node,
    kind: String(node.properties?.['kind']?.const),
  }));
  const defaults = choice.default as Record<string, unknown> | undefined;
  yield {
    path: `${path}.kind`,
    variant: '',
    allowed: `one of ${variants.map(({ kind }) => kind).join(', ')}`,
    required: defaults === undefined,
    ...(defaults === undefined ? {} : { defaultValue: defaults['kind'] }),
    description: [choice.description, ...variants.map(({ node, kind }) => `${kind}: ${node.description}`)]
      .filter((part) => part !== undefined)
      .join('. '),
  };
  for (const { node, kind } of variants) {
    for (const info of walk(node, path, `kind: ${kind}`)) {
      if (info.path !== `${path}.kind`) yield info;
    }
  }
}

function allowedBy(node: Node): string {
  if (node.allowed !== undefined) return node.allowed;
  if (node.enum)
    return `one of ${node.enum.map((value) => (value === '' ? '""' : String(value))).join(', ')}`;
  switch (node.type) {
    case 'boolean':
      return 'true or false';
    case 'integer':
    case 'number': {
      const what = node.type === 'integer' ? 'a whole number' : 'a number';
      return `${what} from ${node.minimum} to ${node.maximum}`;
    }
    case 'array':
      return `a list, each: ${allowedBy(node.items ?? {})}`;
    case 'object':
      return 'names with texts';
    default:
      return 'a text';
  }
}
