// As much of a document as the screens need: elements, their attributes, their values, their events.

class FakeElement {
  constructor(name) {
    Object.assign(this, { name, attributes: {}, nodes: [], parent: undefined, listeners: {}, typed: undefined, isChecked: undefined });
  }

  setAttribute(name, value) { this.attributes[name] = String(value); }

  getAttribute(name) { return this.attributes[name] ?? null; }

  hasAttribute(name) { return Object.hasOwn(this.attributes, name); }

  removeAttribute(name) { delete this.attributes[name]; }

  get id() { return this.attributes.id ?? ''; }

  set id(value) { this.attributes.id = value; }

  get namespaceURI() { return 'http://www.w3.org/2000/svg'; }

  get children() { return this.nodes.filter((node) => node instanceof FakeElement); }

  get all() { return this.children.flatMap((each) => [each, ...each.all]); }

  append(...nodes) {
    for (const node of nodes) {
      if (node instanceof FakeElement) {
        node.remove();
        node.parent = this;
      }
      this.nodes.push(node instanceof FakeElement ? node : String(node));
    }
  }

  replaceChildren(...nodes) {
    for (const child of this.children) child.parent = undefined;
    this.nodes = [];
    this.append(...nodes);
  }

  replaceWith(node) {
    const { parent } = this;
    parent.nodes[parent.nodes.indexOf(this)] = node;
    Object.assign(node, { parent });
    this.parent = undefined;
  }

  remove() {
    if (this.parent) this.parent.nodes = this.parent.nodes.filter((each) => each !== this);
    this.parent = undefined;
  }

  get textContent() { return this.nodes.map((node) => (typeof node === 'string' ? node : node.textContent)).join(''); }

  set textContent(text) { this.replaceChildren(...(text === '' ? [] : [text])); }

  /** By name, and by an attribute that is there: `details[open]`. */
  querySelectorAll(selector) {
    const [, name, attribute] = selector.match(/^(\w+)(?:\[(\w+)\])?$/);
    return this.all.filter((each) => each.name === name && (!attribute || each.hasAttribute(attribute)));
  }

  querySelector(selector) { return this.querySelectorAll(selector)[0] ?? null; }

  checkValidity() {
    return this.querySelectorAll('input').every((each) => !each.hasAttribute('required') || each.value !== '');
  }

  get elements() {
    const controls = this.all.filter((each) => ['input', 'select', 'button', 'fieldset'].includes(each.name));
    return Object.assign(controls, Object.fromEntries(controls.filter((each) => each.hasAttribute('name'))
      .map((each) => [each.getAttribute('name'), each])));
  }

  get value() {
    if (this.name !== 'select') return this.typed ?? this.attributes.value ?? '';
    const options = this.all.filter((each) => each.name === 'option');
    return this.typed ?? (options.find((each) => each.hasAttribute('selected')) ?? options[0])?.getAttribute('value') ?? '';
  }

  set value(text) { this.typed = String(text); }

  get checked() { return this.isChecked ?? this.hasAttribute('checked'); }

  set checked(isChecked) { this.isChecked = isChecked; }

  addEventListener(type, listener) { (this.listeners[type] ??= []).push(listener); }

  dispatch(type) {
    for (const listener of this.listeners[type] ?? []) listener({ type, currentTarget: this, preventDefault() {} });
  }

  click() { if (!this.disabled) this.dispatch('click'); }

  focus() { document.activeElement = this; }
}

for (const name of ['hidden', 'disabled', 'open']) {
  Object.defineProperty(FakeElement.prototype, name, {
    get() { return this.hasAttribute(name); },
    set(is) {
      if (is) this.setAttribute(name, '');
      else this.removeAttribute(name);
    },
  });
}

globalThis.document = {
  activeElement: undefined, documentElement: new FakeElement('html'),
  createElement: (name) => new FakeElement(name), createElementNS: (_, name) => new FakeElement(name),
};

/** A screen that was drawn, and what it sends. */
export class Screen {
  /** @param draw from `screens.js` */
  constructor(draw, page) {
    this.sent = [];
    const note = (name) => (value) => { this.sent.push(value === undefined ? name : [name, value]); };
    const go = Object.fromEntries(['submit', 'act', 'skip', 'look', 'home'].map((name) => [name, note(name)]));
    Object.assign(this, draw(page, go));
    this.root = new FakeElement('fieldset');
    this.root.append(...[this.content].flat(Infinity).filter((each) => each instanceof FakeElement));
  }

  get text() { return [this.title, this.lead, this.root.textContent].filter(Boolean).join(' '); }

  all(name) { return this.root.all.filter((each) => each.name === name); }

  named(name) { return this.root.elements[name]; }

  /** Types into inputs, by name. */
  fill(values) {
    for (const [name, value] of Object.entries(values)) {
      const input = this.named(name);
      if (typeof value === 'boolean') input.checked = value;
      else input.value = value;
      input.dispatch('input');
      input.dispatch('change');
    }
    return this;
  }

  press(label) {
    const found = this.all('button').find((each) => each.textContent === label || each.getAttribute('aria-label') === label
      || each.all.some((part) => part.getAttribute('class') === 'title' && part.textContent === label));
    if (!found) throw new Error(`no button “${label}” on: ${this.text}`);
    if (found.getAttribute('type') === 'submit') this.all('form')[0].dispatch('submit');
    else found.click();
    return this;
  }

  /** The errors that are shown. */
  get errors() {
    return this.root.all.filter((each) => each.getAttribute('class') === 'problem' && !each.hidden).map((each) => each.textContent);
  }
}
