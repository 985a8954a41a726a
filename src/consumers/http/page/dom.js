// Small helpers. What a server said goes into the page as text only, never as HTML.

export const by = (id) => document.getElementById(id);

/** An element with these properties and children. */
export function h(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Changes the text of an element where it is another one: most of what comes each second is as it was. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows what a consumer does: in words, in colour and in shape. */
export function putState(element, status) {
  put(element, status);
  element.dataset.state = status;
}

/** The cells of a table's row, from texts, and elements where a text is not enough. */
export function row(cells, numbers = []) {
  const cell = (content, at) => h("td", { className: numbers.includes(at) ? "num" : "" }, content);
  return h("tr", {}, ...cells.map(cell));
}
