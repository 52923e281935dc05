/** Options that several commands share. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Query } from '../client/client.ts';
import { operationStatuses } from '../domain/operations.ts';

export const connectionGroup = 'Connection and output:';

/** How and where the API is asked, as the command line says it. */
export interface ConnectionFlags {
  url?: string;
  tokenFile?: string;
  profile?: string;
  timeout?: number;
  json?: true;
}

/** Before the command's name and after it alike. */
export function connectionOptions(command: Command): Command {
  const options = [
    new Option('--url <address>', "the API's address, such as http://127.0.0.1:8080 (TIDEMARK_URL)"),
    new Option(
      '--token-file <file>',
      'a file that holds the token; the token itself is read from TIDEMARK_TOKEN',
    ),
    new Option('--profile <name>', 'the section of the settings file to use (TIDEMARK_PROFILE)'),
    new Option('--timeout <seconds>', 'how long one answer of the API may take (default: 30)').argParser(
      seconds,
    ),
    new Option('--json', "print the API's answers as they are, each on a line"),
  ];
  for (const option of options) command.addOption(option.helpGroup(connectionGroup));
  return command;
}

/** The query parameters of a list, in the API's own words. */
export interface ListFlags {
  page?: string;
  pageSize?: string;
  order?: string;
  createdBefore?: string;
  all?: true;
}

export function listOptions(): Option[] {
  return [
    new Option('--page <number>', 'which page, from 1'),
    new Option('--page-size <number>', 'how many a page: 50 unless said, 10000 at most'),
    new Option('--order <order>', 'by the time of creation: desc unless said').choices(['asc', 'desc']),
    new Option('--created-before <time>', 'leave out what is newer: freezes a walk through the pages'),
    new Option('--all', 'every page').conflicts(['page', 'pageSize']),
  ].map((option) => option.helpGroup('Pages:'));
}

export function serviceOption(): Option {
  return new Option('--service-id <id>', 'only those of this service');
}

/** What lists of operations can be narrowed by. */
export interface FilterFlags extends ListFlags {
  serviceId?: string;
  status?: string;
  type?: string;
}

/** For a list whose records have a service and a type. @param types that there are */
export function filterOptions(types: readonly string[]): Option[] {
  return [serviceOption(), new Option('--type <type>', 'only those of this type').choices([...types])];
}

export function statusOption(): Option {
  return new Option('--status <status>', 'only those with this status').choices([...operationStatuses]);
}

/** The filters as query parameters. */
export function filterOf({ serviceId, status, type }: FilterFlags): Query {
  return { service_id: serviceId, status, type };
}

function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value <= 0 || value > 3600)
    throw new InvalidArgumentError('A number of seconds up to 3600 is needed.');
  return value;
}
