/** The services of a stack: what an agent speaks for, and where its server is. */
import type { StackAgent } from './agents.ts';
import { readClientAccount, readServerOptions } from '../mariadb/server/options.ts';

/** As in the line that `npm start -- --json` prints: scripts depend on these names. */
export interface StackService {
  service_id: string;
  /** Empty when the server is reached over TCP. */
  socket: string;
  defaults_file: string;
  data_directory: string;
}

/** @throws invalid_setting when the agent's option file cannot be read */
export async function describeService({ settings }: StackAgent): Promise<StackService> {
  const account = await readClientAccount(settings.server);
  const options = await readServerOptions(settings.server);
  return {
    service_id: settings.service_id,
    socket: account.host === '' ? account.socket : '',
    defaults_file: settings.server.defaults_file,
    data_directory: (options.get('datadir') ?? '').replace(/(.)\/+$/, '$1'),
  };
}
