/** Addresses: one text for one address, and who counts as one client. */
import { expect, test } from 'vitest'
import { canonical, siteOf } from '../../src/broker/address.ts'

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:5678', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['2001:DB8:0:0::1', '2001:db8::1'],
  ['[2001:db8::1]:5678', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::', '::'],
])('%s is written %s', (text, address) => {
  expect(canonical(text)).toBe(address)
})

test.each(['', 'x', '1.2.3', '1.2.3.4%eth0', '1.2.3.4.5', '[::1', '::1]:80', '12345::', '1.2.3.4:port'])(
  '"%s" is no address',
  (text) => {
    expect(canonical(text)).toBeUndefined()
  },
)

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:DB8:0:0:1::', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['', ''],
  ['not:an:address', 'not:an:address'],
])('%s counts as %s', (address, site) => {
  expect(siteOf(address)).toBe(site)
})
