/** Which way the rooms of src/ may depend: docs/architecture.md, "Direction". */
/** Each room of src/, and the rooms that it may import. `index.ts` is the public API. */
const below = {
  'version.ts': [],
  'errors.ts': [],
  codec: ['errors.ts'],
  ports: ['errors.ts', 'codec'],
  metainfo: ['errors.ts', 'codec'],
  hashing: ['errors.ts', 'codec', 'ports', 'metainfo'],
  storage: ['errors.ts', 'codec', 'metainfo', 'ports'],
  dht: ['errors.ts', 'codec', 'ports'],
  discovery: ['errors.ts', 'version.ts', 'codec', 'ports', 'metainfo', 'dht'],
  streams: ['errors.ts', 'codec', 'ports', 'metainfo'],
  pipeline: [
    'errors.ts',
    'version.ts',
    'codec',
    'ports',
    'metainfo',
    'hashing',
    'storage',
    'discovery',
    'dht',
    'streams',
  ],
  session: [
    'errors.ts',
    'version.ts',
    'codec',
    'ports',
    'metainfo',
    'hashing',
    'storage',
    'streams',
    'pipeline',
  ],
  server: ['errors.ts', 'version.ts', 'codec', 'metainfo', 'ports', 'pipeline', 'session'],
}
const rooms = Object.keys(below)
/** The rooms of src/pipeline, lowest first: each may import those before it. Its top level joins them. */
const pipelineRooms = [
  'limits',
  'peer',
  'upload',
  'swarm',
  'metadata',
  'hashes',
  'resume',
  'reading',
  'pieces',
  'sinks',
  'sources',
  'diagnosis',
  'torrent',
  'client',
]
/** The rooms of src/session, lowest first. Its top level joins them. */
const sessionRooms = ['records', 'rules', 'store', 'files', 'torrent']
/** The rooms of src/streams. A stage imports no other stage; the files at the top level are what stages share. */
const streamRooms = ['peer', 'torrent', 'read', 'web']
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
    ...pipelineRooms.map((room, index) => ({
      name: `pipeline-${room}-imports-only-what-is-below`,
      severity: 'error',
      from: { path: `^src/pipeline/${room}/` },
      to: {
        path: '^src/pipeline/',
        pathNot: pipelineRooms.slice(0, index + 1).map(lower => `^src/pipeline/${lower}/`),
      },
    })),
    ...sessionRooms.map((room, index) => ({
      name: `session-${room}-imports-only-what-is-below`,
      severity: 'error',
      from: { path: `^src/session/${room}/` },
      to: {
        path: '^src/session/',
        pathNot: sessionRooms.slice(0, index + 1).map(lower => `^src/session/${lower}/`),
      },
    })),
    ...streamRooms.map(room => ({
      name: `streams-${room}-imports-no-other-room`,
      severity: 'error',
      from: { path: `^src/streams/${room}/` },
      to: { path: '^src/streams/[a-z]+/', pathNot: `^src/streams/${room}/` },
    })),
    {
      name: 'stages-meet-only-in-pipeline',
      comment: 'A stage is joined to others with pipe, in src/pipeline.',
      severity: 'error',
      from: { path: '^src/streams/', pathNot: '^src/streams/index\\.ts$' },
      to: {
        path: '^src/streams/(peer/(peer-socket|framer|dispatcher|requester|responder|serializer|encipher|decipher)|torrent/(funnel|verifier|piece-writer|piece-reader)|read/(file-reader|tar-packer|digester|spill)|web/web-seed)\\.ts$',
      },
    },
    {
      name: 'page-runs-in-a-browser',
      comment: 'It imports pure functions, and the types of what the server sends.',
      severity: 'error',
      from: { path: '^src/page/' },
      to: {
        path: ['^src/', '^node:'],
        pathNot: [
          '^src/page/',
          '^src/codec/(byte-amounts|merge-patch|piece-cells)\\.ts$',
          '^src/server/page/(torrent-)?documents\\.ts$',
        ],
      },
    },
    {
      name: 'nothing-imports-the-page',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/page/' },
      to: { path: '^src/page/' },
    },
    {
      name: 'cli-imports-only-the-public-library',
      comment:
        'What a user of the library has: the entries of package.json, and three helpers of a few lines.',
      severity: 'error',
      from: { path: '^src/cli(\\.ts$|/)' },
      to: {
        path: '^src/',
        pathNot: [
          '^src/cli/',
          '^src/(index|errors|version)\\.ts$',
          '^src/(streams|codec|metainfo|storage|server)/index\\.ts$',
          '^src/ports/(pick|reason-of|with-timeout)\\.ts$',
        ],
      },
    },
    {
      name: 'node-fs-is-handed-in',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/(ports/(blocking-)?file-system|hashing/(file-hasher|hash-run|list-files|small-file-reader)|cli/.*)\\.ts$',
      },
      to: { path: '^(node:)?fs', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'node-net-is-handed-in',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/(streams/peer/peer-socket|pipeline/swarm/listener|storage/beacon|cli/destinations/pipe-worker)\\.ts$',
      },
      to: { path: '^(node:)?net$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'node-http-is-handed-in',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/(ports/http-client|server/.*|cli/demo/tracker|cli/why/ask-server)\\.ts$',
      },
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
