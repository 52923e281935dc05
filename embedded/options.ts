/** What `npm start` can be told. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import { faultsOf } from '../config/phrase.ts';
import { endpointList, logLevel, recipientList, storageLocation } from '../config/values.ts';
import { endpointRule } from '../domain/endpoints.ts';

export interface StackOptions {
  /** The data directory, absolute. */
  data: string;
  /** How many sample servers, each with its agent; 0 when agents are named. */
  samples: number;
  /** Settings files of agents whose servers are there already, absolute. */
  agents: string[];
  port: number;
  temporalPort: number;
  uiPort: number;
  /** `file:///…` or `s3://…`; undefined: that of the named agents, or a folder in the data directory. */
  storage: string | undefined;
  /** Where the storage was before, when it was changed on purpose. */
  movedFrom: string | undefined;
  /** Locations that finished backups are copied to. */
  copies: string[];
  /** Whom backups are encrypted for; empty: for nobody. */
  recipients: string[];
  /** The file of age identities that the agents of the samples restore with, absolute. */
  identity: string | undefined;
  /** Hosts that credentials of customers may name as their endpoint. */
  externalEndpoints: string[];
  /** Added to the environment of the processes that use the store. */
  environment: Record<string, string>;
  logLevel: z.infer<typeof logLevel>;
  /** Whether services get a nightly backup. */
  nightly: 'on' | 'off';
  /** How long everything may take until it answers. Milliseconds. */
  readyTimeoutMs: number;
}

export interface StartOptions extends StackOptions {
  json: boolean;
}

const mostSamples = 16;

/**
 * @param args without the program and its file
 * @throws CommanderError after `--help` (exit code 0), and for what is not allowed; all was said by then
 */
export function parseStartOptions(args: readonly string[]): StartOptions {
  const command = new Command('npm start --')
    .description('Runs the whole of Tidemark on this machine, until Ctrl-C.')
    .option('--data <dir>', 'where everything is kept; start again with it and all is as before', '.tidemark')
    .addOption(
      new Option('--samples <n>', 'sample MariaDB servers, each with its agent')
        .argParser(wholeNumber(0, mostSamples))
        .default(1),
    )
    .addOption(
      new Option(
        '--agent <file...>',
        'settings files of agents for servers that are there already',
      ).conflicts('samples'),
    )
    .option('--json', 'print one line of JSON once everything answers, and nothing else on stdout', false)
    .addOption(portOption('--port <port>', 'of the API', 8080))
    .addOption(portOption('--temporal-port <port>', 'of Temporal', 7233))
    .addOption(portOption('--ui-port <port>', "of Temporal's web UI", 8233))
    .addOption(
      new Option(
        '--storage <location>',
        'where backups are stored (default: a folder in the data directory)',
      ).argParser(checkedBy(storageLocation)),
    )
    .addOption(
      new Option(
        '--moved-from <location>',
        'where the storage was before, when it is changed and the backups there are given up',
      ).argParser(checkedBy(storageLocation)),
    )
    .addOption(
      new Option(
        '--copy <location...>',
        'where finished backups are copied to as well (default: nowhere)',
      ).argParser(oneMoreLocation),
    )
    .addOption(
      new Option(
        '--external-endpoints <host...>',
        'hosts that the credentials of a bucket of your own may name as endpoint_url: s3.example.com, 127.0.0.1:9000 (default: none)',
      ).argParser(moreEndpoints),
    )
    .addOption(
      new Option(
        '--recipient <key...>',
        'age public keys that backups are encrypted for (default: none, not encrypted)',
      ).argParser(oneMoreRecipient),
    )
    .option('--identity <file>', 'age identities that the agents of the samples restore with, mode 0600')
    .addOption(
      new Option('--log-level <level>', 'of the processes').choices(logLevel.options).default('info'),
    )
    .addOption(
      new Option('--nightly <choice>', 'whether each service gets a nightly backup')
        .choices(['on', 'off'])
        .default('on'),
    )
    .addOption(
      new Option('--ready-timeout <seconds>', 'how long everything may take until it answers')
        .argParser(wholeNumber(1, 3600))
        .default(120),
    )
    .exitOverride();
  command.parse([...args], { from: 'user' });
  const given = command.opts<{
    data: string;
    samples: number;
    agent?: string[];
    json: boolean;
    port: number;
    temporalPort: number;
    uiPort: number;
    storage?: string;
    movedFrom?: string;
    copy?: string[];
    externalEndpoints?: string[];
    recipient?: string[];
    identity?: string;
    logLevel: z.infer<typeof logLevel>;
    nightly: 'on' | 'off';
    readyTimeout: number;
  }>();
  const agents = (given.agent ?? []).map((file) => resolve(file));
  return {
    data: resolve(given.data),
    samples: agents.length > 0 ? 0 : given.samples,
    agents,
    json: given.json,
    port: given.port,
    temporalPort: given.temporalPort,
    uiPort: given.uiPort,
    storage: given.storage,
    movedFrom: given.movedFrom,
    environment: {},
    copies: given.copy ?? [],
    externalEndpoints: given.externalEndpoints ?? [],
    recipients: given.recipient ?? [],
    identity: given.identity === undefined ? undefined : resolve(given.identity),
    logLevel: given.logLevel,
    nightly: given.nightly,
    readyTimeoutMs: given.readyTimeout * 1000,
  };
}

function portOption(flags: string, what: string, standard: number): Option {
  return new Option(flags, `${what}; 0: a free one`).argParser(wholeNumber(0, 65_535)).default(standard);
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`A whole number from ${least} to ${most} is allowed.`);
    return value;
  };
}

function oneMoreLocation(text: string, before: string[] = []): string[] {
  return [...new Set([...before, checkedBy(storageLocation)(text)])];
}

function moreEndpoints(text: string, before: string[] = []): string[] {
  const result = endpointList.safeParse(text);
  if (!result.success || result.data.length === 0)
    throw new InvalidArgumentError(`It has to be ${endpointRule}.`);
  return [...new Set([...before, ...result.data])];
}

function oneMoreRecipient(text: string, before: string[] = []): string[] {
  const result = recipientList.safeParse([text]);
  if (!result.success) {
    const faults = faultsOf(result.error);
    throw new InvalidArgumentError(`It has to be an age public key, and this one ${faults}.`);
  }
  return [...new Set([...before, ...result.data])];
}

function checkedBy(schema: z.ZodType<string>): (text: string) => string {
  return (text) => {
    const result = schema.safeParse(text);
    if (!result.success) throw new InvalidArgumentError(`It has to be ${faultsOf(result.error)}.`);
    return result.data;
  };
}
