/**
 * Writes what docs/ has from the code: errors.md from the table of errors, configuration.md from the schemas of the
 * settings, the table in api.md from the operations, cli.md from the help of the commands. Run it after one of them
 * changed; a test says when that was forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { operations } from '../api/operations/index.ts';
import { referencePage } from '../cli/reference.ts';
import { agentSettings } from '../config/agent.ts';
import { apiSettings } from '../config/api.ts';
import { controlSettings } from '../config/control.ts';
import { variableOf } from '../config/load.ts';
import { type SettingInfo, settingsOf } from '../config/shape.ts';
import { errorTable } from '../domain/errors.ts';

/** The pages by their paths below the repository. */
export async function pages(): Promise<Record<string, string>> {
  return {
    'docs/api.md': apiPage(),
    'docs/errors.md': errorPage(),
    'docs/configuration.md': configurationPage(),
    'docs/cli.md': await referencePage(),
  };
}

/** The page as it is written by hand, with the table of every operation between its two marks. */
function apiPage(): string {
  const page = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8');
  const rows = operations.map(({ method, path, summary, role, routes }) => {
    const later = routes[0]?.description?.includes('Not available yet.') ?? false;
    return [`\`${method.toUpperCase()} ${path}\``, later ? `${summary} (not available yet)` : summary, role];
  });
  const [begin, end] = ['<!-- operations -->', '<!-- end of operations -->'];
  const table = tableOf(['verb and path', 'what it does', 'least role'], rows);
  return page.replace(new RegExp(`${begin}[^]*${end}`), () => `${begin}\n\n${table}\n\n${end}`);
}

/** Columns as wide as their widest cell, as the formatter leaves them. */
function tableOf(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? '')].map((cell) => cell.length)),
  );
  const lineOf = (cells: string[], filler: string): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, filler)).join(' | ')} |`;
  const rule = lineOf(
    head.map(() => ''),
    '-',
  );
  return [lineOf(head, ' '), rule, ...rows.map((row) => lineOf(row, ' '))].join('\n');
}

function errorPage(): string {
  const entries = Object.entries(errorTable).map(([name, { status, retryable, meaning, remedy }]) => {
    const again = retryable ? 'Trying again can help.' : 'Trying the same again does not help.';
    return `## \`${name}\`\n\n${meaning}\n\n${remedy}\n\nHTTP status ${status}. ${again}\n`;
  });
  return `# Errors

Every answer of the API that is no success is the error object. Each of its \`errors\` has a stable name, \`error\`, and a \`message\` that says what is wrong and what would be right. The same names stand in the messages of backups and restores that failed, and in Temporal as the type of a failure. The \`trace_id\` is the request's \`X-Request-Id\`, under which the log tells more.

${entries.join('\n')}`;
}

function configurationPage(): string {
  const variable = (info: SettingInfo): string => variableOf(info.path);
  return `# Configuration

A wrong or unknown setting stops the start: the message names each one, its value (never a secret's) and what is allowed, and the process ends with exit code 2. \`--help\` prints what stands here.

The api and the control worker take their settings from environment variables, or from the YAML or JSON file that \`TIDEMARK_CONFIG\` names, where \`TIDEMARK_LOG_LEVEL\` is \`log_level\`. A variable wins over the file. An empty variable counts as not set. Variables that begin with \`TIDEMARK_\` and are no setting of the process are refused; \`TIDEMARK_CACHE\`, the folder that programs are fetched into, is not one, and neither are \`TIDEMARK_URL\`, \`TIDEMARK_TOKEN\` and \`TIDEMARK_PROFILE\`, which the command line reads.

An agent takes its settings from one YAML or JSON file: \`npm run agent -- --config FILE\`.

## Temporal

All processes read the address, namespace, TLS and API key of Temporal as Temporal's own tools do: from \`TEMPORAL_ADDRESS\` (default \`127.0.0.1:7233\`), \`TEMPORAL_NAMESPACE\` (default \`default\`), \`TEMPORAL_TLS\` and \`TEMPORAL_TLS_…\`, \`TEMPORAL_API_KEY\`, or from the file and the profile that \`TEMPORAL_CONFIG_FILE\` and \`TEMPORAL_PROFILE\` name.

${section('The api', settingsOf(apiSettings), variable)}
${section('The control worker', settingsOf(controlSettings), variable)}
${section('The agent', settingsOf(agentSettings), (info) => info.path)}`;
}

function section(title: string, settings: SettingInfo[], nameOf: (info: SettingInfo) => string): string {
  return `## ${title}\n\n${settings.map((info) => `${line(nameOf(info), info)}\n`).join('')}`;
}

function line(name: string, info: SettingInfo): string {
  const facts = [
    ...(info.required ? ['required'] : []),
    ...(info.defaultValue === undefined ? [] : [`default \`${JSON.stringify(info.defaultValue)}\``]),
    ...(info.variant === '' ? [] : [`with \`${info.variant}\``]),
  ];
  const fact = facts.length === 0 ? '' : ` (${facts.join('; ')})`;
  const description = info.description === '' ? '' : ` ${info.description}.`;
  return `- \`${name}\`${fact}:${description} Allowed: ${info.allowed}.`;
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(await pages())) {
    writeFileSync(new URL(`../${path}`, import.meta.url), text);
  }
}
