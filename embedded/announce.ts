/** What `npm start` says once everything answers. */
import { basePath } from '../client/client.ts';
import type { Stack } from './stack.ts';

/** One line of JSON for scripts. Its fields are stable: more may come, none goes. */
export function announcementLine(stack: Stack): string {
  return JSON.stringify({
    ready: true,
    api: stack.api,
    token: stack.token,
    temporal_ui: stack.temporalUi,
    temporal_address: stack.temporalAddress,
    services: stack.services,
  });
}

/** The same for a person: where everything is, and what to try first. */
export function announcementText(stack: Stack): string {
  const services = stack.services.map(
    (service) =>
      `  ${service.service_id.padEnd(14)} ${service.socket === '' ? service.defaults_file : service.socket}`,
  );
  const example = stack.services[0]?.service_id ?? 'SERVICE';
  const header = `-H 'Authorization: Bearer ${stack.token}'`;
  return [
    'Tidemark is ready.',
    '',
    `  API            ${stack.api}${basePath}`,
    `  documentation  ${stack.api}/docs`,
    `  Temporal UI    ${stack.temporalUi}`,
    `  Temporal       ${stack.temporalAddress}`,
    `  token          ${stack.token}  (administrator, as Bearer or X-API-Key; the same at each start)`,
    '',
    'Services, and the sockets of their servers',
    ...services,
    '',
    'Take a backup, and look at it:',
    '',
    `  curl -s ${stack.api}${basePath}/backups/schedules ${header} \\`,
    `    -H 'Content-Type: application/json' -d '{"backup_type":"full","schedule":"once","service_id":"${example}"}'`,
    '',
    `  curl -s ${stack.api}${basePath}/backups/${example} ${header}`,
    '',
    'Ctrl-C stops everything.',
    '',
  ].join('\n');
}
