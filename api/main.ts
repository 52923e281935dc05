/** The api's process: settings, catalog, Temporal, a port; and an orderly end. */
import type { AddressInfo } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { openCatalog } from '../catalog/open.ts';
import { apiSettings, type ApiSettings } from '../config/api.ts';
import { describeSettings, environmentHelp } from '../config/describe.ts';
import { loadFromEnvironment, variableOf } from '../config/load.ts';
import { runProcess } from '../config/process.ts';
import { restoreRatesOf } from '../config/recovery.ts';
import { serviceDefaultsOf } from '../config/service-defaults.ts';
import { timingsOf } from '../config/timings.ts';
import { readSecret } from '../config/secret.ts';
import { messageOf } from '../domain/errors.ts';
import { keyRing } from '../sealing/key-ring.ts';
import { loadTemporal } from '../temporal/connect.ts';
import { basePath, createApp } from './app.ts';
import { openAuthentication } from './auth/open.ts';
import { createHttpServer } from './http-server.ts';
import { ordersThrough } from './orders.ts';
import { progressThrough } from './progress.ts';
import { withRequestIds } from './request-log.ts';
import { RestoreEvents } from './restore-events.ts';

/** Without a limit of ours the waits grow to two minutes, for which a Temporal that is back would count as away. */
const reconnecting = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 1_000 };

/** How long running requests have after a signal. Milliseconds. */
const finishMs = 3_000;

await runProcess(
  environmentHelp('The api: takes the orders and answers. Usage: npm run api', apiSettings),
  start,
);

async function start(): Promise<void> {
  const settings = loadFromEnvironment(apiSettings);
  const temporal = loadTemporal();
  const log = withRequestIds(pino({ name: 'api', level: settings.log_level }));
  const sealing = keyRing((await readSecret(settings.sealing_key_file)) ?? '', settings.sealing_key_file);
  const password = await readSecret(settings.catalog_password_file);
  const catalog = await openCatalog(settings.catalog, { password });
  const authenticate = await openAuthentication(settings, { catalog, log });
  await catalog.migrate();
  // Lazy: without Temporal the api still answers what the catalog knows, and /readyz says what is missing.
  const connection = Connection.lazy({ ...temporal.connectionOptions, channelArgs: reconnecting });
  const client = new Client({ connection, namespace: temporal.namespace });
  const orders = ordersThrough(client, {
    address: temporal.connectionOptions.address,
    timings: timingsOf(settings),
    scheduleSpreadMs: settings.schedule_spread,
    catalog,
    log,
  });
  const progress = progressThrough(client);
  const restoreEvents = new RestoreEvents({
    catalog,
    progress,
    limits: {
      streams: settings.event_streams,
      perSubject: settings.subject_event_streams,
      durationMs: settings.event_stream_duration,
    },
    log,
  });
  const app = createApp({
    catalog,
    orders,
    progress,
    restoreEvents,
    keyRing: sealing,
    externalEndpoints: settings.external_endpoints,
    defaults: serviceDefaultsOf(settings),
    restoreRates: restoreRatesOf(settings),
    authenticate,
    log,
    trustedProxies: settings.trusted_proxies,
    limits: {
      subject: settings.subject_requests_per_minute,
      address: settings.address_requests_per_minute,
    },
  });

  const server = createHttpServer(app.fetch, log, settings.request_timeout);
  server.on('listening', () => {
    const { port } = server.address() as AddressInfo;
    const address = `http://${settings.listen.includes(':') ? `[${settings.listen}]` : settings.listen}:${port}`;
    log.info({ address, base_path: basePath, settings: describeSettings(settings) }, 'ready');
  });
  server.on('error', (error: NodeJS.ErrnoException) => {
    process.stderr.write(`${listenMessage(settings, error)}\n`);
    process.exit(2);
  });
  server.listen(settings.port, settings.listen);

  const stop = async (): Promise<void> => {
    log.info({}, 'stopping');
    restoreEvents.close();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const cut = setTimeout(() => server.closeAllConnections(), finishMs);
    await closed;
    clearTimeout(cut);
    await connection.close();
    await catalog.close();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stop().catch((error: unknown) => {
        log.error({ err: error }, 'could not stop in order');
        process.exit(1);
      });
    });
  }
}

/** A port that is taken, or an address that is not this machine's, by the names of the settings. */
function listenMessage({ listen, port }: ApiSettings, error: NodeJS.ErrnoException): string {
  const names = `${variableOf('port')} = ${port}, ${variableOf('listen')} = ${listen}`;
  if (error.code === 'EADDRINUSE') {
    return `Port ${port} of ${listen} is taken by another program: end that one, or set another port (${names}; 0: a free one).`;
  }
  return `The api cannot listen (${names}): ${messageOf(error)}`;
}
