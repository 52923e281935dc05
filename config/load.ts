/**
 * The one place that reads settings. Whatever is wrong with them is said at once, each by the name that the user
 * wrote, and the process does not start.
 */
import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type ErrorItem, TidemarkError, messageOf } from '../domain/errors.ts';
import { printable } from './mask.ts';
import { type SettingInfo, settingsOf } from './shape.ts';

const prefix = 'TIDEMARK_';
/** Variables with the prefix that are no settings of a process: URL, TOKEN and PROFILE are the command line's. */
const otherVariables = /^TIDEMARK_(CACHE|CONFIG|URL|TOKEN|PROFILE|TEST_.*)$/;

type Environment = Record<string, string | undefined>;

/** How a setting was written by the user, for messages. */
type Naming = (path: string) => string;

/** The environment variable of a setting: `agent_wait` → `TIDEMARK_AGENT_WAIT`, `jwt.issuer` → `TIDEMARK_JWT_ISSUER`. */
export function variableOf(setting: string): string {
  return prefix + setting.replaceAll('.', '_').toUpperCase();
}

/**
 * Settings from environment variables `TIDEMARK_<SETTING>` over those in the YAML or JSON file that TIDEMARK_CONFIG
 * names. An empty variable counts as not set, since a compose file or a unit cannot leave one out.
 *
 * @param others what to do with settings that the schema does not have. A command that is run beside a process, in
 *   its environment, ignores them; for a process they are mistakes.
 * @param called what settings are called that came from elsewhere than a variable: `{ catalog: '--catalog' }`
 * @throws invalid_setting with every wrong or unknown setting in `items`
 */
export function loadFromEnvironment<S extends z.ZodObject>(
  schema: S,
  env: Environment = process.env,
  others: 'refuse' | 'ignore' = 'refuse',
  called: Readonly<Record<string, string>> = {},
): z.output<S> {
  const findings: ErrorItem[] = [];
  const file = env['TIDEMARK_CONFIG'];
  const values: Record<string, unknown> = file === undefined || file === '' ? {} : readSettings(file);
  if (others === 'ignore') {
    for (const name of Object.keys(values)) if (!Object.hasOwn(schema.shape, name)) delete values[name];
  }
  const inFile = new Set(Object.keys(values));
  const fromEnvironment = new Set<string>();
  const known = new Map(settingsOf(schema).map(({ path }) => [variableOf(path), path]));
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(prefix) || otherVariables.test(variable)) continue;
    const setting = known.get(variable);
    if (setting === undefined && others === 'ignore') continue;
    if (setting === undefined) {
      findings.push(finding(`${variable} is unknown. There are ${[...known.keys()].join(', ')}.`));
    } else if (value !== undefined && value !== '') {
      put(values, setting.split('.'), value);
      fromEnvironment.add(setting);
    }
  }
  const nameOf: Naming = (path) => {
    const [setting = ''] = path.split('.');
    return inFile.has(setting) && !fromEnvironment.has(path)
      ? `${path} in ${file}`
      : (called[path] ?? variableOf(path));
  };
  return check(schema, values, nameOf, findings);
}

/**
 * Settings from one YAML or JSON file alone.
 *
 * @throws invalid_setting with every wrong or unknown setting in `items`
 */
export function loadFromFile<S extends z.ZodObject>(schema: S, path: string): z.output<S> {
  return check(schema, readSettings(path), (setting) => `${setting} in ${path}`, []);
}

/** A group that the file has as something else is left for the schema to refuse. */
function put(values: Record<string, unknown>, [key = '', ...rest]: string[], value: string): void {
  if (rest.length === 0) values[key] = value;
  else {
    values[key] ??= {};
    const group = values[key];
    if (typeof group === 'object') put(group as Record<string, unknown>, rest, value);
  }
}

function finding(message: string): ErrorItem {
  return { error: 'invalid_setting', message };
}

function refuse(findings: ErrorItem[]): never {
  throw new TidemarkError('invalid_setting', findings.map(({ message }) => message).join('\n'), {
    items: findings,
  });
}

/** Neither message repeats the file's text, which may hold a secret. */
function readSettings(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return refuse([finding(`The settings file ${path} cannot be read: ${messageOf(error)}`)]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const findings = document.errors.map(({ code, pos }) => {
    const { line, col } = lines.linePos(pos[0]);
    return finding(`The settings file ${path} is not YAML or JSON: ${code} at line ${line}, column ${col}.`);
  });
  if (findings.length > 0) refuse(findings);
  const content: unknown = document.toJS() ?? {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    return refuse([
      finding(`The settings file ${path} holds no settings: write a line "name: value" for each.`),
    ]);
  }
  return content as Record<string, unknown>;
}

function check<S extends z.ZodObject>(
  schema: S,
  values: Record<string, unknown>,
  nameOf: Naming,
  findings: ErrorItem[],
): z.output<S> {
  const result = schema.safeParse(values);
  if (!result.success) {
    const infos = settingsOf(schema);
    for (const issue of result.error.issues) findings.push(...explain(issue, values, nameOf, infos));
  }
  if (!result.success || findings.length > 0) return refuse(findings);
  return result.data;
}

function explain(
  issue: z.core.$ZodIssue,
  values: Record<string, unknown>,
  nameOf: Naming,
  infos: SettingInfo[],
): ErrorItem[] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const group = path === '' ? '' : `${path}.`;
    const there = new Set(
      infos
        .filter((info) => info.path.startsWith(group))
        .map((info) => info.path.slice(group.length).split('.')[0]),
    );
    return issue.keys.map((key) =>
      finding(`${nameOf(group + key)} is unknown. There are ${[...there].join(', ')}.`),
    );
  }
  const value = valueAt(values, issue.path);
  const wanted = allowedAt(infos, path) ?? issue.message;
  const name = issue.path.findLast((key) => typeof key === 'string') ?? '';
  if (issue.code === 'custom' && typeof issue.params?.['entry'] === 'string') {
    const entry = printable(name, issue.params['entry']);
    return [finding(`${nameOf(path)} has the entry ${entry}, which ${issue.message}. Allowed: ${wanted}.`)];
  }
  return [
    value === undefined
      ? finding(`${nameOf(path)} is missing. Allowed: ${wanted}.`)
      : finding(`${nameOf(path)} has the value ${printable(name, value)}. Allowed: ${wanted}.`),
  ];
}

/** Of a list's element the list's own phrase is said; of a group that is no group, the settings in it. */
function allowedAt(infos: SettingInfo[], path: string): string | undefined {
  const inGroup = infos.filter((info) => info.path.startsWith(`${path}.`));
  if (inGroup.length > 0) return `a group with ${inGroup.map(({ path: inner }) => inner).join(', ')}`;
  return infos.find((info) => info.path === path || path.startsWith(`${info.path}.`))?.allowed;
}

function valueAt(values: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    values,
  );
}
