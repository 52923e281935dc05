/** Settings and what is known of them, as text for people: `--help`, and the line logged at a start. */
import type { z } from 'zod';
import { variableOf } from './load.ts';
import { masked } from './mask.ts';
import { type SettingInfo, settingsOf } from './shape.ts';

/**
 * Settings with their values in force, without secrets: durations in milliseconds, sizes in bytes.
 *
 * @example describeSettings(settings) // { listen: '127.0.0.1', port: 8080, … }
 */
export function describeSettings(settings: Record<string, unknown>): Record<string, unknown> {
  return masked('', settings) as Record<string, unknown>;
}

/** What `--help` prints of a process that is set by environment variables. */
export function environmentHelp(summary: string, schema: z.ZodObject): string {
  const settings = settingsOf(schema).map((info) => entry(variableOf(info.path), info));
  return `${summary}

Settings are environment variables, or names in the YAML or JSON file that TIDEMARK_CONFIG names
(${variableOf('log_level')} is log_level there); a variable wins over the file.

${settings.join('\n')}

${temporalHelp}`;
}

/** What `--help` prints of a process that is set by a file. */
export function fileHelp(summary: string, schema: z.ZodObject): string {
  const settings = settingsOf(schema).map((info) => entry(info.path, info));
  return `${summary}

Settings, in a YAML or JSON file; a dot stands for a group:

${settings.join('\n')}

${temporalHelp}`;
}

const temporalHelp = `Temporal's address, namespace, TLS and API key are read as Temporal's own tools do: TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE, TEMPORAL_TLS_…, TEMPORAL_API_KEY, or the file and profile that TEMPORAL_CONFIG_FILE and
TEMPORAL_PROFILE name.
`;

function entry(name: string, info: SettingInfo): string {
  const fact = info.required
    ? 'required'
    : info.defaultValue === undefined
      ? 'optional'
      : `default ${JSON.stringify(info.defaultValue)}`;
  const only = info.variant === '' ? '' : `; with ${info.variant}`;
  const about = info.description === '' ? '' : `${info.description}.`;
  return `  ${name}  (${fact}${only})\n      ${about} Allowed: ${info.allowed}.`;
}
