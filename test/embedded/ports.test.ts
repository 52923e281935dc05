/** Ports are looked at before anything is started. */
import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { findPorts } from '../../embedded/ports.ts';

test('0 gives free ports, each another one', async () => {
  const ports = await findPorts([
    { option: '--port', port: 0 },
    { option: '--temporal-port', port: 0 },
    { option: '--ui-port', port: 0 },
  ]);
  expect(new Set(ports).size).toBe(3);
  for (const port of ports) expect(port).toBeGreaterThan(0);
  // Free afterwards: the same can be asked for by number.
  const [port = 0] = ports;
  expect(await findPorts([{ option: '--port', port }])).toEqual([port]);
});

test('a taken port is refused by number and option', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    await expect(
      findPorts([
        { option: '--port', port: 0 },
        { option: '--temporal-port', port },
      ]),
    ).rejects.toMatchObject({
      code: 'invalid_setting',
      message: expect.stringMatching(new RegExp(`Port ${port} on 127.0.0.1 is taken .*--temporal-port`)),
    });
  } finally {
    server.close();
  }
});

test('two options with one port are refused, both by name', async () => {
  const [port = 0] = await findPorts([{ option: '--port', port: 0 }]);
  await expect(
    findPorts([
      { option: '--port', port },
      { option: '--ui-port', port },
    ]),
  ).rejects.toThrow(`--port and --ui-port are both ${port}`);
});
