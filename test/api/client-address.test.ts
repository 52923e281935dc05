import { describe, expect, test } from '@jest/globals';
import { clientAddress, limitedAs } from '../../api/client-address.ts';

describe("the client's address", () => {
  const addressOf = clientAddress(['10.0.0.0/8', '192.0.2.1', 'fd00::/8']);

  test.each([
    ['203.0.113.9', undefined, '203.0.113.9', 'without a proxy'],
    ['203.0.113.9', '198.51.100.1', '203.0.113.9', 'what a stranger says of others is not believed'],
    ['10.0.0.1', '203.0.113.9', '203.0.113.9', 'a proxy is'],
    ['10.0.0.1', '1.2.3.4, 203.0.113.9', '203.0.113.9', 'only as far as it knows itself'],
    ['10.0.0.1', '203.0.113.9, 10.1.2.3,192.0.2.1', '203.0.113.9', 'through several'],
    ['::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9', 'over an IPv6 socket'],
    ['fd00::1', '2001:db8::7', '2001:db8::7', 'with IPv6'],
    ['10.0.0.1', 'unknown', '10.0.0.1', 'a word is no address'],
    ['10.0.0.1', '203.0.113.9, <script>', '10.0.0.1', 'nor is anything else'],
    ['10.0.0.1', undefined, '10.0.0.1', 'a proxy that says nothing'],
    ['10.0.0.1', '10.0.0.2', '10.0.0.2', 'proxies alone'],
    [undefined, '203.0.113.9', 'unknown', 'no connection'],
  ])('%s with X-Forwarded-For %s is %s: %s', (...given) => {
    const [connected, forwarded, expected] = given;
    expect(addressOf(connected, forwarded)).toBe(expected);
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s shares the limit of %s', (address, network) => {
  expect(limitedAs(address)).toBe(network);
});
