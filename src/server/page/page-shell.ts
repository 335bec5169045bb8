import { randomBytes } from 'node:crypto'
import type { Urls } from '../urls.ts'

/** The start of the HTML that loads the live page. The content after it is only shown by browsers without scripts. */
export interface PageShell {
  /** The Content-Security-Policy of this response. */
  readonly policy: string
  readonly start: string
  readonly end: string
}

/** Creates the HTML around the list of files. Scripts and styles run by a nonce, because files of torrents have our origin. */
export function createPageShell(urls: Urls): PageShell {
  const nonce = randomBytes(16).toString('base64')
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "media-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  // a nonce is base64, and URLs are percent-encoded
  const start = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>tsdl</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" nonce="${nonce}" href="${urls.page('page.css')}">
<script type="module" async nonce="${nonce}" src="${urls.page('page.js')}"></script>
<body>
<div id="page"></div>
<noscript>
<h1>tsdl</h1>
`
  return { policy, start, end: '</noscript>\n' }
}
