import { parseDuration } from '../quantities.ts'
import { inGroup } from './definition.ts'
import { ORDER_OPTIONS, SELECTION_OPTIONS } from './download-options.ts'
import { EXCHANGE_OPTIONS, FETCH_OPTIONS, REPORT_OPTIONS } from './exchange-options.ts'
import { parseText } from './parse-values.ts'

/** The options of `tsdl why`. */
export const WHY_OPTIONS = [
  ...inGroup('Output:', [
    { name: 'json', type: 'boolean', own: true, help: 'print one JSON object' },
    {
      ...{ name: 'for', value: '<duration>', type: 'quantity', own: true, parse: parseDuration },
      ...{ help: 'measure a download for this long', default: '10s' },
    },
    {
      ...{ name: 'token', value: '<token>', type: 'text', own: true, secret: true, parse: parseText },
      help: 'the token of the server, if its URL has none',
    },
  ]),
  ...SELECTION_OPTIONS,
  ...ORDER_OPTIONS,
  ...EXCHANGE_OPTIONS.filter(option => !REPORT_OPTIONS.includes(option)),
  ...FETCH_OPTIONS,
]
