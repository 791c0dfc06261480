// Verdicts on the events, and the table of what is left of them.
class Corrections {
  constructor(report) {
    this.header = report.columns;
    this.events = report.events.map((event, index) => ({
      ...event, index, verdict: "", original: event.label,
    }));
    this.unsaved = false;
  }

  judge(event, verdict) {
    event.verdict = event.verdict === verdict ? "" : verdict;
    this.unsaved = true;
  }

  relabel(event, label) {
    event.label = label;
    event.verdict = "accepted";
    this.unsaved = true;
  }

  // Cells are as the command wrote them, but for labels that were changed.
  toCsv() {
    const place = this.header.indexOf("label");
    const rows = this.events
      .filter((event) => event.verdict !== "rejected")
      .map(({ cells, label, original }) =>
        cells.map((cell, i) =>
          i === place && label !== original ? toCell(label) : cell));
    return [this.header, ...rows]
      .map((row) => row.map(quote).join(",") + "\n").join("");
  }

  save(name) {
    const link = document.createElement("a");
    const blob = new Blob([this.toCsv()], { type: "text/csv" });
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    this.unsaved = false;
  }
}

// What a spreadsheet would take for a formula gets an apostrophe.
function toCell(text) {
  return /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
}

function quote(cell) {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
