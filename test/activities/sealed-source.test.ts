/** For whom the credentials of somebody else's backup are opened. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { foreignActivities } from '../../activities/control/foreign.ts';
import type { Plane } from '../../activities/control/plane.ts';
import { openCatalog } from '../../catalog/open.ts';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import { bucketContext } from '../../domain/storage-credentials.ts';
import { openSealedSource } from '../../sealing/for-source.ts';
import { serviceDefaults, serviceRecord, testKeyRing } from '../api/harness.ts';

test('they are sealed for the agent of the service that is restored, and for no other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealed-'));
  const catalog = await openCatalog(`sqlite://${folder}/catalog.db`);
  try {
    await catalog.migrate();
    const keyRing = testKeyRing();
    const known: Partial<Plane> = { catalog, keyRing, defaults: serviceDefaults, externalEndpoints: [] };
    const plane = known as Plane;
    const identities = new Map<string, string>();
    for (const name of ['restored', 'stranger']) {
      const service = serviceRecord({ serviceId: name, agentId: `agent-of-${name}` });
      const { recipient, identity } = newAgeIdentity();
      const { organization } = service;
      const { id } = await catalog.createEnrolment({
        organization,
        serviceId: name,
        tokenDigest: name,
        takeOver: false,
        createdBy: 'a test',
        expiresAt: new Date(Date.now() + 60_000).toISOString(),
      });
      const enrolled = await catalog.enrolAgent({ id, signingKey: 'key', recipient, sequence: 1, service });
      expect(enrolled).toEqual({ outcome: 'enrolled' });
      identities.set(service.agentId, identity);
    }
    const service = serviceRecord({ serviceId: 'restored', agentId: 'agent-of-restored' });
    const id = '0c'.repeat(16);
    const sealed = keyRing.seal(JSON.stringify({ encryptionKey: 'open sesame 1' }), bucketContext(id));
    const { id: restoreId, workflowId } = await catalog.createRestore({
      organization: service.organization,
      service,
      backup: { id: '/old/full.tar', serviceId: service.serviceId, type: 'full' },
      mode: 'side-by-side',
      bucket: 's3://mine',
      source: { id, location: 's3://mine', sealed },
      message: 'Restore is scheduled.',
      workflowId: (restore) => `restore/${restore}/abc`,
    });
    const { sealSource } = foreignActivities(plane);
    await expect(sealSource({ restoreId, agentId: 'agent-of-stranger' })).rejects.toMatchObject({
      code: 'sealed_for_another',
    });
    const { agentId } = service;
    const source = await sealSource({ restoreId, agentId });
    expect(openSealedSource(source, { agentId, workflowId }, identities.get(agentId)!)).toMatchObject({
      location: 's3://mine',
      object: 'old/full.tar',
      method: 'mariabackup',
      encryptionKey: 'open sesame 1',
    });
  } finally {
    await catalog.close();
    await rm(folder, { recursive: true, force: true });
  }
});
