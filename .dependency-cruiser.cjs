/** Which way the rooms of src/ may depend: docs/architecture.md, "Direction". */
const rooms = [
  'version.ts',
  'errors.ts',
  'clock.ts',
  'chance.ts',
  'pick.ts',
  'codec',
  'ports',
  'metainfo',
  'storage',
  'discovery',
  'dht',
  'streams',
  'pipeline',
  'server',
]
const below = {
  'version.ts': [],
  'errors.ts': [],
  'clock.ts': [],
  'chance.ts': [],
  'pick.ts': [],
  codec: ['errors.ts'],
  ports: ['errors.ts', 'codec'],
  metainfo: ['errors.ts', 'codec'],
  storage: ['errors.ts', 'codec', 'metainfo'],
  discovery: ['errors.ts', 'clock.ts', 'chance.ts', 'codec', 'ports', 'metainfo'],
  dht: ['errors.ts', 'clock.ts', 'chance.ts', 'codec'],
  streams: ['errors.ts', 'clock.ts', 'codec', 'ports', 'metainfo'],
  pipeline: [
    'version.ts',
    'errors.ts',
    'clock.ts',
    'chance.ts',
    'pick.ts',
    'codec',
    'ports',
    'metainfo',
    'storage',
    'discovery',
    'dht',
    'streams',
  ],
  server: ['errors.ts', 'clock.ts', 'codec', 'metainfo', 'pipeline'],
}
const path = room => `^src/${room.replace('.', '\\.')}`

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...rooms.map(room => ({
      name: `${room}-imports-only-what-is-below`,
      severity: 'error',
      from: { path: path(room) },
      to: { path: '^src/', pathNot: [path(room), ...below[room].map(path)] },
    })),
    {
      name: 'stages-meet-only-in-pipeline',
      comment:
        'No stage imports another; stage.ts, byte-reader.ts, piece-buffer.ts, outgoing.ts, block-source.ts, outstanding.ts and byte-limit.ts are what they share, offer.ts, interest.ts, request-queue.ts, questions.ts, withdrawn.ts and patience.ts belong to the requester, run.ts to the responder, web-*.ts to the web seed.',
      severity: 'error',
      from: { path: '^src/streams/', pathNot: '^src/streams/index\\.ts$' },
      to: {
        path: '^src/streams/',
        pathNot:
          '^src/streams/(stage|byte-reader|no-source|early-pieces|piece-buffer|block-source|outstanding|offer|interest|request-queue|questions|withdrawn|patience|outgoing|run|byte-limit|byte-gate|web-(run|fetch|lane|fault|queue|body|files|order|patience|rests|streams|seed-options))\\.ts$',
      },
    },
    {
      name: 'node-fs-is-handed-in',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(storage/file-system|cli/.*)\\.ts$' },
      to: { path: '^(node:)?fs', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'node-net-is-handed-in',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/(streams/peer-socket|pipeline/listener|storage/beacon|cli/destinations/pipe-worker)\\.ts$',
      },
      to: { path: '^(node:)?net$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'node-http-is-handed-in',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(ports/http-client|server/.*|demo/tracker)\\.ts$' },
      to: { path: '^(node:)?https?$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'node-dgram-is-handed-in-to-the-dht',
      severity: 'error',
      from: { path: '^src/dht/', pathNot: '^src/dht/datagrams\\.ts$' },
      to: { path: '^(node:)?dgram$', dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: 'node_modules' },
  },
}
