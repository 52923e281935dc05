/** Tests that need something that a machine may lack. A skipped one says why: its reason is part of its name. */
import { test } from '@jest/globals';

/**
 * `test` where the condition holds; elsewhere `test.skip` with the reason added to the name.
 * @example testIf(process.getuid?.() === 0, 'mounting needs root')('a mount point is …', async () => { … });
 */
export function testIf(
  condition: boolean,
  reason: string,
): (name: string, body: () => void | Promise<void>, timeout?: number) => void {
  return (name, body, timeout) => {
    if (condition) test(name, body, timeout);
    else test.skip(`${name} [skipped: ${reason}]`, body);
  };
}
