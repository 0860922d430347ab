/** How the page looks: light and dark as the system is, readable without a picture or a font from elsewhere. */
export const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent) }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; margin: 0 }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line) }
pre, code, li, input { font-family: ui-monospace, monospace; font-size: 13px }
pre { margin: .5rem 0; white-space: pre-wrap }
nav a { margin-right: 1rem }
#state { font-weight: 600 }
.good { color: light-dark(#17692b, #6fd48a) }
.bad { color: light-dark(#a4211b, #ff8d85) }
form { border: 1px solid var(--line); border-radius: 4px; padding: .5rem; display: flex; flex-wrap: wrap; gap: .5rem; align-items: center }
form + form { margin-top: .5rem }
input { padding: .2rem .4rem; min-width: 9rem }
#destination, #body { flex: 1 }
button { padding: .2rem .7rem }
#log { list-style: none; padding: 0; margin: .5rem 0; overflow-wrap: anywhere }
#log .out { opacity: .65 }
#log .message { font-weight: 600 }
`
