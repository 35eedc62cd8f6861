import { html } from "../html.js";
import { Chart } from "./chart.js";
import { Checkbox, DatePicker, Input, Label, RadioGroup, Select, Textarea } from "./controls.js";
import { Button } from "./button.js";
import { Card } from "./card.js";
import { Box, Col, Divider, Form, Row, Spacer, Transition } from "./layout.js";
import { ListView, ListViewItem } from "./list_view.js";
import { Image, WidgetIcon } from "./media.js";
import { Table, TableCell, TableRow } from "./table.js";
import { Badge, Caption, MarkdownText, Text, Title } from "./text.js";

const COMPONENTS = {
  Badge,
  Box,
  Button,
  Caption,
  Card,
  Chart,
  Checkbox,
  Col,
  DatePicker,
  Divider,
  Form,
  Icon: WidgetIcon,
  Image,
  Input,
  Label,
  ListView,
  ListViewItem,
  Markdown: MarkdownText,
  RadioGroup,
  Row,
  Select,
  Spacer,
  Table,
  "Table.Cell": TableCell,
  "Table.Row": TableRow,
  Text,
  Textarea,
  Title,
  Transition,
};

/** One component of a widget, by its type. A type this page does not know is named, not swallowed. */
export function Component({ node }) {
  const View = COMPONENTS[node.type];
  if (View) return html`<${View} node=${node} />`;
  return html`<span class="hint">Unknown component “${node.type}”</span>`;
}

/** The children of a component: a list, one, or none. */
export function Children({ nodes }) {
  const list = Array.isArray(nodes) ? nodes : nodes ? [nodes] : [];
  return list.map((node, index) => html`<${Component} key=${node.key ?? node.id ?? index} node=${node} />`);
}
