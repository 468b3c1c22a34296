const CELL_MAX = 80

/** Plain text columns under headings; long cells are cut, line breaks in them are spaces. */
export function table(headings: string[], rows: string[][]): string {
  const lines = [headings, ...rows.map((row) => row.map(cell))]
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cell(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > CELL_MAX ? `${line.slice(0, CELL_MAX - 1)}…` : line
}
