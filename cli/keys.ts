/** `tidemark keys`: makes and ends API keys, on the deployment's host. The api takes them from the catalog. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ApiKeyRecord } from '../catalog/api-key-types.ts';
import { apiKeyDigest, apiKeyShown, makeApiKey } from '../domain/api-keys.ts';
import type { Role } from '../domain/operations.ts';
import { parseRole, roleNames } from '../domain/roles.ts';
import { type CatalogFlags, catalogOptions, withCatalog } from './catalog.ts';
import { parseExpiry, parseFutureExpiry } from './expiry.ts';
import { table } from './output/table.ts';
import { time } from './output/values.ts';

/** What a command of the host has of its process. */
interface HostIo {
  stdout: { write(text: string): unknown; columns?: number; isTTY?: boolean };
  stderr: { write(text: string): unknown };
  env: NodeJS.ProcessEnv;
}

export function keysCommand(io: HostIo = process): Command {
  const keys = new Command('keys').description(
    'Make, list and end API keys. Run it on a host of the deployment: it works on the catalog, not through the API.',
  );
  for (const command of [create(io), list(io), revoke(io), expire(io)]) {
    keys.addCommand(catalogOptions(command));
  }
  return keys;
}

function create(io: HostIo): Command {
  return new Command('create')
    .summary('make a key')
    .description(
      'Make an API key and print it. It is shown this once: the catalog has only its digest. The key alone goes to standard output.',
    )
    .requiredOption('--organization <name>', 'whose services it is for', name)
    .requiredOption('--role <role>', 'viewer, operator (or member) or administrator', role)
    .requiredOption('--name <name>', 'who uses it; shown in lists and logs', name)
    .option('--expires <when>', 'when it ends: 90d, 2027-01-31, …; never unless said', parseFutureExpiry)
    .addHelpText(
      'after',
      `
Examples:
  $ tidemark keys create --organization acme --role operator --name "nightly job" --expires 90d
  $ tidemark keys create --organization acme --role viewer --name grafana > /run/secrets/tidemark-key`,
    )
    .action(
      async (flags: CatalogFlags & { organization: string; role: Role; name: string; expires?: string }) => {
        const key = makeApiKey();
        const record = await withCatalog(flags, io.env, async (catalog) =>
          catalog.createApiKey({
            organization: flags.organization,
            role: flags.role,
            name: flags.name,
            shown: apiKeyShown(key),
            digest: apiKeyDigest(key),
            ...(flags.expires === undefined ? {} : { expiresAt: flags.expires }),
          }),
        );
        io.stdout.write(`${key}\n`);
        io.stderr.write(`${sentence(record)} The key is not shown again.\n`);
      },
    );
}

function list(io: HostIo): Command {
  return new Command('list')
    .summary('list the keys')
    .description('List the API keys that were ever made, with their last use to within a minute.')
    .option('--organization <name>', 'only those of this organization', name)
    .addOption(new Option('--json', 'print each key as JSON, on a line of its own'))
    .addHelpText('after', '\nExamples:\n  $ tidemark keys list\n  $ tidemark keys list --json | jq -r .name')
    .action(async (_flags, command: Command) => {
      // `--json` is an option of the program, too, which takes it wherever it stands.
      const flags = command.optsWithGlobals<CatalogFlags & { organization?: string; json?: true }>();
      const records = await withCatalog(flags, io.env, async (catalog) =>
        catalog.listApiKeys(flags.organization),
      );
      const text = flags.json
        ? records.map((record) => JSON.stringify(jsonOf(record))).join('\n')
        : tableOf(records, io.stdout.isTTY ? io.stdout.columns : undefined);
      if (text !== '') io.stdout.write(`${text}\n`);
    });
}

function revoke(io: HostIo): Command {
  return new Command('revoke')
    .summary('end a key for good')
    .description('End an API key for good. Every api refuses it from the next request on.')
    .argument('<id>', 'the number that `tidemark keys list` shows', number)
    .addHelpText('after', '\nExamples:\n  $ tidemark keys revoke 3')
    .action(async (id: number, flags: CatalogFlags) => {
      const record = await withCatalog(flags, io.env, async (catalog) => catalog.revokeApiKey(id));
      io.stderr.write(`${sentence(record)}\n`);
    });
}

function expire(io: HostIo): Command {
  return new Command('expire')
    .summary('set when a key ends')
    .description('Set when an API key ends, or that it does not.')
    .argument('<id>', 'the number that `tidemark keys list` shows', number)
    .argument('<when>', 'now, never, a length of time from now (90d), a day or a time', end)
    .addHelpText(
      'after',
      '\nExamples:\n  $ tidemark keys expire 3 7d\n  $ tidemark keys expire 3 2027-01-31\n  $ tidemark keys expire 3 never',
    )
    .action(async (id: number, when: { at?: string }, flags: CatalogFlags) => {
      const record = await withCatalog(flags, io.env, async (catalog) => catalog.expireApiKey(id, when.at));
      io.stderr.write(`${sentence(record)}\n`);
    });
}

/** "API key 3 (tmk_3f9a02c1…), nightly job: operator of acme until 2027-01-31 00:00:00Z." */
function sentence(record: ApiKeyRecord): string {
  const { id, shown, name: who, role: may, organization } = record;
  return `API key ${id} (${shown}…), ${who}: ${may} of ${organization}, ${stateOf(record)}.`;
}

function stateOf({ revokedAt, expiresAt }: ApiKeyRecord): string {
  if (revokedAt !== undefined) return `revoked at ${time(revokedAt)}`;
  if (expiresAt === undefined) return 'without end';
  return Date.parse(expiresAt) <= Date.now() ? `expired at ${time(expiresAt)}` : `until ${time(expiresAt)}`;
}

function tableOf(records: ApiKeyRecord[], width: number | undefined): string {
  return table(
    [
      { title: 'id', value: ({ id }) => String(id), right: true },
      { title: 'key', value: ({ shown }) => `${shown}…` },
      { title: 'organization', value: ({ organization }) => organization },
      { title: 'role', value: (record) => record.role },
      { title: 'name', value: (record) => record.name },
      { title: 'created_at', value: ({ createdAt }) => time(createdAt) },
      { title: 'last_used_at', value: ({ lastUsedAt }) => time(lastUsedAt) },
      { title: 'state', value: stateOf },
    ],
    records,
    width,
  );
}

function jsonOf(record: ApiKeyRecord): object {
  const { id, shown, organization, role: may, name: who, createdAt } = record;
  const { expiresAt, revokedAt, lastUsedAt } = record;
  return {
    id,
    key: shown,
    organization,
    role: may,
    name: who,
    created_at: createdAt,
    expires_at: expiresAt,
    revoked_at: revokedAt,
    last_used_at: lastUsedAt,
  };
}

function name(text: string): string {
  if (/^\P{Cc}{1,100}$/u.test(text) && text.trim() !== '') return text.trim();
  throw new InvalidArgumentError('A text of 1 to 100 characters is needed.');
}

function role(text: string): Role {
  const found = parseRole(text);
  if (found) return found;
  throw new InvalidArgumentError(`There are ${roleNames}.`);
}

function number(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('The number of a key is needed: `tidemark keys list` shows it.');
}

function end(text: string): { at?: string } {
  if (text === 'never') return {};
  return { at: text === 'now' ? new Date().toISOString() : parseExpiry(text) };
}
