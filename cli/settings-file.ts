/**
 * The settings file of the command line, `~/.config/tidemark/config.toml`: a section `[profile.NAME]` for each API,
 * with `url`, and `token` or `token_file`.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { homedir } from 'node:os';
import { messageOf, TidemarkError } from '../domain/errors.ts';

export interface Profile {
  url?: string;
  token?: string;
  /** A path; one that is not absolute counts from the settings file's folder. */
  token_file?: string;
}

const known = ['url', 'token', 'token_file'] as const;

/** Where the file is, whether it exists or not. */
export function settingsFile(env: Record<string, string | undefined>): string {
  const configured = env['XDG_CONFIG_HOME'];
  // The convention asks to ignore a path that is not absolute.
  const folder =
    configured !== undefined && path.isAbsolute(configured)
      ? configured
      : path.join(env['HOME'] ?? homedir(), '.config');
  return path.join(folder, 'tidemark', 'config.toml');
}

/**
 * @returns the profiles by their names; none when there is no file
 * @throws invalid_setting naming what is wrong by its place, never by its value
 */
export async function readProfiles(file: string): Promise<Map<string, Profile>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw wrong(`The settings file ${file} cannot be read: ${messageOf(error)}`);
  }
  const { profile: sections = {}, ...others } = await parse(file, text);
  const [foreign] = Object.keys(others);
  if (foreign !== undefined)
    throw wrong(
      `"${foreign}" in ${file} is unknown: write sections [profile.NAME], [profile.default] first.`,
    );
  if (!isTable(sections)) throw wrong(`"profile" in ${file} has to be sections [profile.NAME].`);
  return new Map(Object.entries(sections).map(([name, section]) => [name, checked(file, name, section)]));
}

async function parse(file: string, text: string): Promise<Record<string, unknown>> {
  const { parse: parseToml, TomlError } = await import('smol-toml');
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The parser's message shows the lines around, which may hold a token.
    throw wrong(`The settings file ${file} is not TOML: look at line ${error.line}, column ${error.column}.`);
  }
}

function checked(file: string, name: string, section: unknown): Profile {
  const place = `[profile.${name}] in ${file}`;
  if (!isTable(section)) throw wrong(`${place} has to be a section.`);
  for (const [key, value] of Object.entries(section)) {
    if (!known.some((one) => one === key))
      throw wrong(`"${key}" of ${place} is unknown. There are ${known.join(', ')}.`);
    if (typeof value !== 'string' || value === '')
      throw wrong(`"${key}" of ${place} has to be a text in quotes.`);
  }
  const profile = section as Profile;
  if (profile.token !== undefined && profile.token_file !== undefined)
    throw wrong(`${place} has both token and token_file: keep one.`);
  return profile;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function wrong(message: string): TidemarkError {
  return new TidemarkError('invalid_setting', message);
}
