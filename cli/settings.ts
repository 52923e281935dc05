/**
 * Where the API is, and which token it takes. The command line wins over the environment, and that over the settings
 * file; but a profile that the command line names wins over the environment, too.
 */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { apiAddress } from '../client/client.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import type { ConnectionFlags } from './options.ts';
import { type Profile, readProfiles, settingsFile } from './settings-file.ts';

export interface ConnectionSettings {
  /** With the base path. */
  address: string;
  token: string;
  timeoutMs: number;
  /** What a person should mend; each a sentence. */
  warnings: string[];
}

/** One place that may say where the API is and what its token is. */
interface Source {
  url?: { value: string; from: string } | undefined;
  token?: { value: string; from: string } | undefined;
  tokenFile?: { value: string; from: string } | undefined;
  /** A token that stands in a file beside an address is for that address alone. */
  onlyFor?: string;
}

type Environment = Record<string, string | undefined>;

const standardAddress = 'http://127.0.0.1:8080';
const standardTimeoutMs = 30_000;

/** @throws invalid_setting naming the flag, the variable or the file that is wrong; never a token */
export async function connectionSettings(
  flags: ConnectionFlags,
  env: Environment,
): Promise<ConnectionSettings> {
  const warnings: string[] = [];
  const profile = await profileSource(flags, env, warnings);
  const environment: Source = {
    url: given(env['TIDEMARK_URL'], 'TIDEMARK_URL'),
    token: given(env['TIDEMARK_TOKEN'], 'TIDEMARK_TOKEN'),
  };
  const sources: Source[] = [
    { url: given(flags.url, '--url'), tokenFile: given(flags.tokenFile, '--token-file') },
    ...(flags.profile === undefined ? [environment, profile] : [profile, environment]),
    { url: { value: standardAddress, from: 'the standard address' } },
  ];
  const [url] = sources.flatMap((source) => source.url ?? []);
  const address = checkedAddress(url?.value ?? '', url?.from ?? '');
  const timeoutMs = flags.timeout === undefined ? standardTimeoutMs : flags.timeout * 1000;
  return { address, token: chosenToken(sources, address, warnings), timeoutMs, warnings };
}

async function profileSource(flags: ConnectionFlags, env: Environment, warnings: string[]): Promise<Source> {
  const file = settingsFile(env);
  const profiles = await readProfiles(file);
  const asked = given(flags.profile, '--profile') ?? given(env['TIDEMARK_PROFILE'], 'TIDEMARK_PROFILE');
  const name = asked?.value ?? 'default';
  const profile: Profile | undefined = profiles.get(name);
  if (!profile) {
    if (!asked) return {};
    const there = profiles.size === 0 ? 'has no profile' : `has ${[...profiles.keys()].join(', ')}`;
    throw wrong(`${asked.from} names the profile "${name}"; ${file} ${there}.`);
  }
  if (profile.token !== undefined) warnIfOpen(file, warnings);
  const place = `[profile.${name}] in ${file}`;
  return {
    url: given(profile.url, `url of ${place}`),
    token: given(profile.token, `token of ${place}`),
    tokenFile: given(profile.token_file && resolved(profile.token_file, file, env), `token_file of ${place}`),
    onlyFor: checkedAddress(profile.url ?? standardAddress, `url of ${place}`),
  };
}

function chosenToken(sources: readonly Source[], address: string, warnings: string[]): string {
  let passedOver = '';
  for (const { token, tokenFile, onlyFor } of sources) {
    const found = token ?? tokenFile;
    if (!found) continue;
    if (onlyFor === undefined || onlyFor === address)
      return checkedToken(token ? found.value : readToken(found.value, found.from, warnings), found.from);
    passedOver = ` The ${found.from} is for ${onlyFor} and was not sent to ${address}.`;
  }
  throw wrong(
    `There is no token: set TIDEMARK_TOKEN, name a file with --token-file, or write one into the settings file.${passedOver}`,
  );
}

function readToken(file: string, from: string, warnings: string[]): string {
  try {
    const text = readFileSync(file, 'utf8');
    warnIfOpen(file, warnings);
    return text.trim();
  } catch (error) {
    throw wrong(`The file ${file} (${from}) cannot be read: ${messageOf(error)}`);
  }
}

/** @throws for what no token has; a header with it could not be sent */
function checkedToken(token: string, from: string): string {
  if (token.trim() === '') throw wrong(`The token is empty (${from}).`);
  if (!/^[\x21-\x7e]+$/.test(token.trim()))
    throw wrong(`The token has blanks or characters that no token has (${from}).`);
  return token.trim();
}

function checkedAddress(value: string, from: string): string {
  const example = 'write an address such as http://127.0.0.1:8080';
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw wrong(`${from} is no address: ${example}.`);
  }
  if (!/^https?:$/.test(url.protocol)) throw wrong(`${from} is neither http:// nor https://: ${example}.`);
  if (url.username !== '' || url.password !== '')
    throw wrong(`${from} has an account in it: the API takes a token, by TIDEMARK_TOKEN or --token-file.`);
  if (url.search !== '' || url.hash !== '')
    throw wrong(`${from} has more than a path at its end: ${example}.`);
  return apiAddress(value);
}

/** Only a file can be open to others; what a shell substitutes for one cannot. */
function warnIfOpen(file: string, warnings: string[]): void {
  const { mode } = statSync(file);
  const isFile = (mode & 0o170000) === 0o100000;
  if (isFile && (mode & 0o077) !== 0)
    warnings.push(`${file} holds a token and is open to others: chmod 600 ${file}`);
}

function resolved(tokenFile: string, settings: string, env: Environment): string {
  const inHome = tokenFile.replace(/^~(?=\/)/, env['HOME'] ?? homedir());
  return path.resolve(path.dirname(settings), inHome);
}

/** An empty variable counts as not set. */
function given(value: string | undefined, from: string): { value: string; from: string } | undefined {
  return value === undefined || value === '' ? undefined : { value, from };
}

function wrong(message: string): TidemarkError {
  return new TidemarkError('invalid_setting', message);
}
