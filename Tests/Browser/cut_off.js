// Returns the texts of this document that a customer cannot read whole: cut off by an element around them, outside of the
// viewport, or over other text. Runs as the body of a function.

const texts = [];
// What is under a dialog is not there.
const walker = document.createTreeWalker(document.querySelector('dialog:modal') ?? document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode;
  const words = node.data.trim();
  const parent = node.parentElement;
  if (!words || parent.closest('script, style, noscript, svg, option')) continue;
  if (!parent.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
  // In a closed <details>, and where only a screen reader is spoken to.
  const own = parent.getBoundingClientRect();
  if (own.width <= 1 || own.height <= 1) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  const rects = [...range.getClientRects()].filter((rect) => rect.width > 0 && rect.height > 0);
  if (rects.length > 0) texts.push({ node, parent, words: words.slice(0, 60), rects });
}

const found = [];
const slack = 1;

for (const { parent, words, rects } of texts) {
  for (const rect of rects) {
    if (rect.left < -slack || rect.right > document.documentElement.clientWidth + slack) {
      found.push(`outside of the viewport: “${words}”`);
      break;
    }
  }
  for (let box = parent; box && box !== document.body; box = box.parentElement) {
    const style = getComputedStyle(box);
    const inline = style.display === 'inline';
    if (inline) continue;
    const clipsX = style.overflowX !== 'visible';
    const clipsY = style.overflowY === 'hidden' || style.overflowY === 'clip';
    if (!clipsX && !clipsY) {
      // Not cut off, but it leaves its own box: a button that is too narrow for its word.
      if (box === parent && box.matches('button, a, label, th, td, dt, dd') && box.scrollWidth > box.clientWidth + slack) {
        found.push(`wider than its ${box.localName}: “${words}”`);
      }
      continue;
    }
    const around = box.getBoundingClientRect();
    const isCut = rects.some((rect) =>
      (clipsX && (rect.right > around.right + slack || rect.left < around.left - slack))
      || (clipsY && (rect.bottom > around.bottom + slack || rect.top < around.top - slack)));
    if (isCut) {
      found.push(`cut off by its ${box.localName}: “${words}”`);
      break;
    }
  }
}

// Inputs cut their text off as well: what they hint at must fit.
for (const input of document.querySelectorAll('input[placeholder], select')) {
  if (!input.checkVisibility({ visibilityProperty: true })) continue;
  if (input.localName === 'input' && input.value) continue;
  if (input.scrollWidth > input.clientWidth + slack) found.push(`wider than its field: “${input.placeholder ?? input.name}”`);
}

const overlap = (one, other) =>
  Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2
  && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 3;

texts.forEach((one, index) => {
  for (const other of texts.slice(index + 1)) {
    if (one.rects.some((rect) => other.rects.some((each) => overlap(rect, each)))) {
      found.push(`over each other: “${one.words}” and “${other.words}”`);
    }
  }
});

return found;
