/** `tidemark agents enroll`: lets an agent in, on the deployment's host, before there is anybody who could ask the API. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { issueEnrolment } from '../api/enrolments.ts';
import type { Catalog } from '../catalog/types.ts';
import { isServiceId } from '../domain/ids.ts';
import { type CatalogFlags, catalogOptions, withCatalog } from './catalog.ts';
import { parseFutureExpiry } from './expiry.ts';
import { time } from './output/values.ts';

/** What a command of the host has of its process. */
interface HostIo {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown };
  env: NodeJS.ProcessEnv;
}

interface EnrollFlags extends CatalogFlags {
  service: string;
  organization: string;
  takeOver?: true;
  expires?: string;
  output?: string;
  unlessEnrolled?: true;
}

export function enrollCommand(io: HostIo): Command {
  const command = new Command('enroll')
    .summary('make a token that lets an agent in')
    .description(
      'Make the token that enrols the agent of one service. It is good once, within a day, and shown this once. Put it into the file that enrolment_token_file of the agent names. Run it on a host of the deployment: it works on the catalog, not through the API.',
    )
    .requiredOption('--service <id>', "the service_id in the agent's settings", service)
    .requiredOption('--organization <name>', "the organization in the agent's settings")
    .option('--take-over', 'let it take the service over from the agent that has it, whose orders then stop')
    .option(
      '--expires <when>',
      'until when the token is good: 1h, …; a day unless said, and at most',
      parseFutureExpiry,
    )
    .option(
      '--output <file>',
      'write the token into this file, which nobody else can read, and not to standard output',
    )
    .option('--unless-enrolled', 'do nothing when the service has an agent already')
    .addHelpText(
      'after',
      `
Examples:
  $ tidemark agents enroll --service orders-db --organization acme
  $ tidemark agents enroll --service orders-db --organization acme --take-over --expires 1h --output token`,
    )
    .action(async (flags: EnrollFlags) => {
      await withCatalog(flags, io.env, async (catalog) => enrol(catalog, flags, io));
    });
  return catalogOptions(command);
}

async function enrol(catalog: Catalog, flags: EnrollFlags, io: HostIo): Promise<void> {
  if (flags.unlessEnrolled) {
    const known = await catalog.findEnrolledAgent(flags.service);
    if (known) {
      io.stderr.write(`The service ${flags.service} has an agent on ${known.hostname}: nothing to do.\n`);
      return;
    }
  }
  const { enrolment, token } = await issueEnrolment(catalog, {
    organization: flags.organization,
    serviceId: flags.service,
    takeOver: flags.takeOver === true,
    ...(flags.expires !== undefined && { expiresAt: flags.expires }),
    createdBy: 'tidemark agents enroll',
  });
  if (flags.output === undefined) io.stdout.write(`${token}\n`);
  else await writeToken(flags.output, token);
  const until = time(enrolment.expiresAt);
  io.stderr.write(`The token enrols the agent of ${flags.service} until ${until}. It is not shown again.\n`);
}

/** Over an older token; never readable to others, not even for a moment. */
async function writeToken(file: string, token: string): Promise<void> {
  const draft = `${file}.new`;
  await rm(draft, { force: true });
  await writeFile(draft, `${token}\n`, { mode: 0o600, flag: 'wx' });
  await rename(draft, file);
}

function service(text: string): string {
  if (isServiceId(text)) return text;
  throw new InvalidArgumentError('A service id is needed: letters, digits, ".", "_" and "-", at most 100.');
}
