/** The control worker: the workflows, and the activities that touch the catalog and the store. Any number may run. */
import './small-heap.ts';
import { Client } from '@temporalio/client';
import { type NativeConnection, Worker } from '@temporalio/worker';
import pino, { type Logger } from 'pino';
import { controlActivities, controlBulkActivities } from '../activities/control/index.ts';
import { recognizeStorage } from '../activities/control/own-storage.ts';
import type { Plane } from '../activities/control/plane.ts';
import { openCatalog } from '../catalog/open.ts';
import type { Catalog } from '../catalog/types.ts';
import { type ControlSettings, controlSettings } from '../config/control.ts';
import { environmentHelp } from '../config/describe.ts';
import { loadFromEnvironment } from '../config/load.ts';
import { restoreRatesOf } from '../config/recovery.ts';
import { runProcess } from '../config/process.ts';
import { serviceDefaultsOf } from '../config/service-defaults.ts';
import { timingsOf } from '../config/timings.ts';
import { readSecret } from '../config/secret.ts';
import { messageOf } from '../domain/errors.ts';
import { controlBulkTaskQueue, controlTaskQueue, workflowIds } from '../domain/ids.ts';
import { type KeyRing, keyRing } from '../sealing/key-ring.ts';
import { probeBucket } from '../storage/bucket-probe.ts';
import { openCopies, openLazily } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { loadTemporal, type TemporalSettings } from '../temporal/connect.ts';
import { ensureSearchAttributes } from '../temporal/search-attributes.ts';
import { onStopSignal } from './stop-signal.ts';
import { archiveMeter, copyMeter, proofMeter, storeMeter } from './store-meter.ts';
import { connectPatiently, installRuntime, runWorkers, workerDefaults } from './temporal-runtime.ts';
import { workflowBundle } from './workflow-bundle.ts';

interface ControlProcess {
  settings: ControlSettings;
  temporal: TemporalSettings;
  catalog: Catalog;
  store: ObjectStore;
  copies: ReadonlyMap<string, ObjectStore>;
  sealing: KeyRing | undefined;
  log: Logger;
}

await runProcess(environmentHelp('The control worker of Tidemark.', controlSettings), main);

async function main(): Promise<void> {
  const settings = loadFromEnvironment(controlSettings);
  const temporal = loadTemporal();
  const log = pino({ name: 'control', level: settings.log_level });
  const signal = onStopSignal(log);
  installRuntime(log, metricsAddress(settings));
  // One that is away, or refuses, must not stop workflows that end what an operation has begun.
  const meter = storeMeter();
  const keys = await readSecret(settings.sealing_key_file);
  const sealing = keys === undefined ? undefined : keyRing(keys, settings.sealing_key_file ?? '');
  const password = await readSecret(settings.catalog_password_file);
  const catalog = await openCatalog(settings.catalog, { password });
  const store = openLazily(settings.storage, {
    options: settings.storage_options,
    log,
    meter,
    confirm: (opened) => recognizeStorage(opened, catalog, { movedFrom: settings.storage_moved_from, log }),
  });
  const copies = openCopies(settings.copies, store, { log, meter });
  try {
    await catalog.migrate();
    void warnUnlessUsable(store, log, signal);
    const bundle = await workflowBundle();
    const own: ControlProcess = { settings, temporal, catalog, store, copies, sealing, log };
    const connect = (): Promise<NativeConnection> => connectPatiently(temporal, log, signal);
    await runWorkers(connect, (connection) => gather(own, bundle, connection), log, signal);
  } finally {
    await catalog.close();
  }
}

async function gather(
  { settings, temporal, catalog, store, copies, sealing, log }: ControlProcess,
  workflowBundle: { codePath: string },
  connection: NativeConnection,
): Promise<{ workers: Worker[] }> {
  const client = new Client({ connection, namespace: temporal.namespace });
  await ensureSearchAttributes(client, log);
  const plane: Plane = {
    catalog,
    store,
    copies,
    copyIntervalMs: settings.copy_interval,
    copyMeter: copyMeter(),
    archiveMeter: archiveMeter(),
    proofMeter: proofMeter(),
    restoreRates: restoreRatesOf(settings),
    storageOptions: settings.storage_options,
    keyRing: sealing,
    externalEndpoints: settings.external_endpoints,
    client,
    timings: timingsOf(settings),
    reconcileIntervalMs: settings.reconcile_interval,
    defaults: serviceDefaultsOf(settings),
    scheduleSpreadMs: settings.schedule_spread,
    retention: { intervalMs: settings.retention_interval, graceMs: settings.retention_grace },
    objectsIntervalMs: settings.objects_interval,
    auditDays: settings.audit_days,
    log,
  };
  const worker = await Worker.create({
    ...workerDefaults(log),
    connection,
    namespace: temporal.namespace,
    taskQueue: controlTaskQueue,
    workflowBundle,
    activities: controlActivities(plane),
    maxCachedWorkflows: 200,
    workflowThreadPoolSize: 1,
  });
  const bulk = await Worker.create({
    ...workerDefaults(log),
    connection,
    namespace: temporal.namespace,
    taskQueue: controlBulkTaskQueue,
    activities: controlBulkActivities(plane),
    // Each holds memory of its own, and they share one way to the store.
    maxConcurrentActivityTaskExecutions: 1,
  });
  await client.workflow.start('reconcile', {
    taskQueue: controlTaskQueue,
    workflowId: workflowIds.reconcile(),
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: 'Compares the catalog with Temporal',
  });
  await client.workflow.start('retention', {
    taskQueue: controlTaskQueue,
    workflowId: workflowIds.retention(),
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: 'Removes backups that have expired',
  });
  log.info(
    { address: temporal.connectionOptions.address, storage: store.location },
    'The control worker is ready.',
  );
  return { workers: [worker, bulk] };
}

/** Nothing waits for it: what only reads works all the same. */
async function warnUnlessUsable(store: ObjectStore, log: Logger, signal: AbortSignal): Promise<void> {
  try {
    await probeBucket(store, signal);
  } catch (error) {
    if (signal.aborted) return;
    log.warn(
      { storage: store.location, reason: messageOf(error) },
      'No backup can be written to the store now.',
    );
  }
}

function metricsAddress({ metrics_listen, metrics_port }: ControlSettings): string | undefined {
  return metrics_port === undefined ? undefined : `${metrics_listen}:${metrics_port}`;
}
