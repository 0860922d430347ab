/*
 * Runs before `npm start` and `npm test`, in whatever Node that got: says what to do when it is too old. So it is written in what
 * every Node understands, and asks for nothing.
 */
'use strict'

/** Types are stripped without a flag from 22.18 on; the tests use `await using`, which Node 24 brought. */
var NEEDED = { start: [22, 18], test: [24, 0] }

var purpose = process.argv[2] === 'test' ? 'test' : 'start'
var needed = NEEDED[purpose]
var version = process.versions.node.split('.').map(Number)

if (version[0] < needed[0] || (version[0] === needed[0] && version[1] < needed[1])) {
  console.error(
    '`npm ' +
      purpose +
      '` needs Node ' +
      needed.join('.') +
      ' or newer; this is ' +
      process.version +
      '.\n' +
      'The package "node", a devDependency, brings one: run `npm ci` and let its install script run\n' +
      '(`npm rebuild node` repeats it; `ignore-scripts` must be off). Or put a newer Node on the PATH.',
  )
  process.exit(1)
}
