//! The cases, one or two lines each.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::cells::{ALL, Column, FIRST, SECOND};
use super::paint::Canvas;
use super::{Look, WIDE};
use crate::board::model::Model;
use crate::board::row::Row;
use crate::text::{Text, Texts};

/// How far the second line of a case is indented.
const INDENT: u16 = 14;
/// What marks the selected case, and its width.
const MARK: &str = ">";
const MARK_WIDTH: u16 = 2;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &mut Model, texts: &Texts) {
    let layout: &[(&[Column], u16)] =
        if area.width >= WIDE { &[(ALL, MARK_WIDTH)] } else { &[(FIRST, MARK_WIDTH), (SECOND, INDENT)] };
    let lines = u16::try_from(layout.len()).unwrap_or(1);
    for (y, (columns, indent)) in (area.y..area.bottom()).zip(layout) {
        headings(canvas, Rect { y, ..area }, columns, *indent, texts);
    }
    let body = Rect { y: area.y.saturating_add(lines), height: area.height.saturating_sub(lines), ..area };
    if model.shown().is_empty() {
        let said = if model.open() > 0 { Text::BoardFilteredOut } else { Text::BoardEmpty };
        if body.height > 0 {
            canvas.put(body.x.saturating_add(MARK_WIDTH), body.y, body.width, &texts.say(said, &[]), Style::new());
        }
        return;
    }
    let fits = usize::from((body.height / lines).max(1));
    let place = model.place();
    model.offset = model.offset.clamp((place + 1).saturating_sub(fits), place);
    let last = model.shown().len().saturating_sub(fits);
    model.offset = model.offset.min(last.max(place.min(last)));
    let minute = model.now / 60;
    let shown = model.shown().iter().enumerate().skip(model.offset).take(fits);
    let mut y = body.y;
    for (at, row) in shown.filter_map(|(at, id)| Some((at, model.row(id)?))) {
        for (first, (columns, indent)) in [true, false].into_iter().zip(layout) {
            if y < body.bottom() {
                let line = Rect { y, height: 1, ..body };
                cells(canvas, line, columns, *indent, (row, minute), texts);
                if at == place {
                    canvas.put(body.x, y, u16::from(first), MARK, Style::new());
                    let style = canvas.look.marked();
                    canvas.style(body.x, y, body.width, style);
                }
            }
            y = y.saturating_add(1);
        }
    }
}

/// Where each column begins, and how wide it is; the last takes what is left.
fn places(columns: &[Column], area: Rect, indent: u16) -> impl Iterator<Item = (&Column, u16, u16)> {
    let mut x = area.x.saturating_add(indent);
    columns.iter().map(move |column| {
        let left = area.right().saturating_sub(x);
        let width = if column.width == 0 { left } else { column.width.min(left) };
        let at = x;
        x = x.saturating_add(width).saturating_add(1);
        (column, at, width)
    })
}

fn headings(canvas: &mut Canvas<'_>, area: Rect, columns: &[Column], indent: u16, texts: &Texts) {
    let style = canvas.look.faint();
    for (column, x, width) in places(columns, area, indent) {
        canvas.put(x, area.y, width, &texts.say(column.heading, &[]), style);
    }
}

fn cells(
    canvas: &mut Canvas<'_>,
    area: Rect,
    columns: &[Column],
    indent: u16,
    (row, minute): (&Row, u64),
    texts: &Texts,
) {
    let look: Look = canvas.look;
    for (column, x, width) in places(columns, area, indent) {
        let (text, style) = (column.cell)(row, texts, minute, look);
        canvas.put(x, area.y, width, &text, style);
    }
}
