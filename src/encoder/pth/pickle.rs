//! Python's pickles, as far as they are data.

use std::collections::HashMap;

use super::PthError;
use super::rebuild;
use super::value::{Global, Id, Value};

/// More than the largest checkpoints have; in memory, 120 MB.
const MAX_VALUES: usize = 2_000_000;

/// Everything that a pickle makes.
#[derive(Debug, Default)]
pub(super) struct Pickle<'p> {
    values: Vec<Value<'p>>,
    /// Values and what they name, each counted anew where a call copies it.
    count: usize,
    root: Option<Id>,
}

impl<'p> Pickle<'p> {
    /// Runs the pickle at the start of `bytes`; also how many bytes it has.
    ///
    /// # Errors
    /// If it ends early, makes no sense, or asks to run something.
    pub(super) fn read(bytes: &'p [u8]) -> Result<(Self, usize), PthError> {
        let mut machine = Machine {
            bytes,
            at: 0,
            instruction: 0,
            pickle: Self::default(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        while machine.step()? == Flow::GoOn {}
        Ok((machine.pickle, machine.at))
    }

    /// What it made in the end.
    pub(super) fn root(&self) -> Id {
        self.root.unwrap_or(Id(0))
    }

    /// All values.
    pub(super) fn values(&self) -> &[Value<'p>] {
        &self.values
    }

    /// A value.
    pub(super) fn value(&self, id: Id) -> &Value<'p> {
        self.values.get(id.0 as usize).unwrap_or(&Value::Plain)
    }

    /// A text.
    pub(super) fn text(&self, id: Id) -> Option<&'p str> {
        match self.value(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number.
    pub(super) fn int(&self, id: Id) -> Option<i64> {
        match self.value(id) {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The values of a tuple or a list.
    pub(super) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.value(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

/// A pickle that is being run.
struct Machine<'p> {
    bytes: &'p [u8],
    at: usize,
    /// Where the running instruction began.
    instruction: usize,
    pickle: Pickle<'p>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'p> Machine<'p> {
    /// Runs one instruction; names of opcodes as in Python's `pickletools`.
    fn step(&mut self) -> Result<Flow, PthError> {
        self.instruction = self.at;
        self.bounded(self.stack.len() + self.marks.len() + self.memo.len())?;
        let code = self.number::<1>()? as u8;
        match code {
            b'.' => {
                self.pickle.root = Some(self.pop()?);
                return Ok(Flow::Stop);
            }
            // PROTO, FRAME
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' | b'1' | b'2' => self.shuffle(code)?,
            b'N' | 0x88 | 0x89 | b'G' | b'I' | b'J' | b'K' | b'M' | 0x8a | 0x8b => {
                self.number_value(code)?;
            }
            b'X' | 0x8c | 0x8d | b'U' | b'T' | b'B' | b'C' | 0x8e | 0x96 => {
                self.text_value(code)?
            }
            b')' | b't' | 0x85..=0x87 | b']' | b'l' | b'}' | b'd' | 0x8f | 0x91 => {
                self.container(code)?;
            }
            b'a' | b'e' | b's' | b'u' | 0x90 => self.fill(code)?,
            b'c' | 0x93 | b'R' | 0x81 | 0x92 | b'b' | b'Q' => self.object(code)?,
            b'q' | b'r' | b'h' | b'j' | 0x94 => self.memoize(code)?,
            _ => {
                let at = self.instruction;
                return Err(PthError::Instruction { code, at });
            }
        }
        Ok(Flow::GoOn)
    }

    /// POP, POP_MARK, DUP.
    fn shuffle(&mut self, code: u8) -> Result<(), PthError> {
        match code {
            b'0' => drop(self.pop()?),
            b'1' => drop(self.since_mark()?),
            _ => {
                let top = self.top()?;
                self.stack.push(top);
            }
        }
        Ok(())
    }

    /// NONE, NEWTRUE, NEWFALSE, BINFLOAT, INT, BININT, BININT1, BININT2, LONG1, LONG4.
    fn number_value(&mut self, code: u8) -> Result<(), PthError> {
        let value = match code {
            b'J' => Value::Int(i64::from(self.number::<4>()? as u32 as i32)),
            b'K' => Value::Int(self.number::<1>()? as i64),
            b'M' => Value::Int(self.number::<2>()? as i64),
            0x8a => {
                let length = self.number::<1>()?;
                long(self.take(length)?)
            }
            0x8b => {
                let length = self.number::<4>()?;
                long(self.take(length)?)
            }
            b'I' => self.line()?.parse().map_or(Value::Plain, Value::Int),
            b'G' => {
                self.take(8)?;
                Value::Plain
            }
            0x88 | 0x89 => Value::Bool(code == 0x88),
            _ => Value::Plain,
        };
        self.push(value)
    }

    /// BINUNICODE, SHORT_BINUNICODE, BINUNICODE8, SHORT_BINSTRING, BINSTRING, BINBYTES, SHORT_BINBYTES, BINBYTES8,
    /// BYTEARRAY8. A declared length that the file has not is an error before anything is made of it.
    fn text_value(&mut self, code: u8) -> Result<(), PthError> {
        let length = match code {
            0x8c | b'U' | b'C' => self.number::<1>()?,
            b'X' | b'T' | b'B' => self.number::<4>()?,
            _ => self.number::<8>()?,
        };
        let bytes = self.take(length)?;
        let is_text = matches!(code, b'X' | 0x8c | 0x8d | b'U' | b'T');
        let text = std::str::from_utf8(bytes).ok().filter(|_| is_text);
        self.push(text.map_or(Value::Plain, Value::Text))
    }

    /// EMPTY_TUPLE, TUPLE, TUPLE1, TUPLE2, TUPLE3, EMPTY_LIST, LIST, EMPTY_DICT, DICT, EMPTY_SET, FROZENSET.
    fn container(&mut self, code: u8) -> Result<(), PthError> {
        let value = match code {
            b')' => Value::Tuple(Vec::new()),
            b't' => Value::Tuple(self.since_mark()?),
            0x85..=0x87 => Value::Tuple(self.last(usize::from(code - 0x84))?),
            b']' => Value::List(Vec::new()),
            b'l' => Value::List(self.since_mark()?),
            b'}' => Value::Dict(Vec::new()),
            b'd' => {
                let items = self.since_mark()?;
                Value::Dict(self.pairs(&items)?)
            }
            0x8f => Value::Plain,
            _ => {
                self.since_mark()?;
                Value::Plain
            }
        };
        self.push(value)
    }

    /// APPEND, APPENDS, SETITEM, SETITEMS, ADDITEMS.
    fn fill(&mut self, code: u8) -> Result<(), PthError> {
        let items = match code {
            b'a' => self.last(1)?,
            b's' => self.last(2)?,
            _ => self.since_mark()?,
        };
        let pairs = match code {
            b's' | b'u' => self.pairs(&items)?,
            _ => Vec::new(),
        };
        let top = self.top()?;
        match self.pickle.values.get_mut(top.0 as usize) {
            Some(Value::List(list)) => list.extend(items),
            Some(Value::Dict(dict)) => dict.extend(pairs),
            // What holds other things keeps them for itself.
            _ => {}
        }
        Ok(())
    }

    /// GLOBAL, STACK_GLOBAL, REDUCE, NEWOBJ, NEWOBJ_EX, BUILD, BINPERSID.
    fn object(&mut self, code: u8) -> Result<(), PthError> {
        let value = match code {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                Value::Global(Global { module, name })
            }
            0x93 => {
                let parts = self.last(2)?;
                let [module, name] = [parts[0], parts[1]].map(|id| self.pickle.text(id));
                let named = module.zip(name);
                let (module, name) = named.ok_or_else(|| self.damaged("a name that is no text"))?;
                Value::Global(Global { module, name })
            }
            b'b' => {
                // The state of an object: its attributes. What is built of it was known before.
                self.pop()?;
                self.top()?;
                return Ok(());
            }
            b'Q' => {
                let id = self.pop()?;
                rebuild::storage(&self.pickle, id)
                    .ok_or_else(|| self.damaged("something from outside that is no storage"))?
            }
            0x92 => {
                let parts = self.last(3)?;
                self.called(parts[0], parts[1])?
            }
            _ => {
                let parts = self.last(2)?;
                self.called(parts[0], parts[1])?
            }
        };
        self.push(value)
    }

    fn called(&self, callee: Id, arguments: Id) -> Result<Value<'p>, PthError> {
        match self.pickle.value(callee) {
            Value::Global(global) => rebuild::called(&self.pickle, *global, arguments),
            Value::Opaque(global) => Ok(Value::Opaque(*global)),
            _ => Err(self.damaged("a call of something that cannot be called")),
        }
    }

    /// BINPUT, LONG_BINPUT, BINGET, LONG_BINGET, MEMOIZE.
    fn memoize(&mut self, code: u8) -> Result<(), PthError> {
        let index = match code {
            b'q' | b'h' => self.number::<1>()? as u32,
            b'r' | b'j' => self.number::<4>()? as u32,
            _ => self.memo.len() as u32,
        };
        if matches!(code, b'h' | b'j') {
            let known = self.memo.get(&index).copied();
            self.stack
                .push(known.ok_or_else(|| self.damaged("a value that was never noted"))?);
        } else {
            let top = self.top()?;
            self.memo.insert(index, top);
        }
        Ok(())
    }

    fn push(&mut self, value: Value<'p>) -> Result<(), PthError> {
        self.pickle.count += 1 + value.named();
        self.bounded(self.pickle.count)?;
        self.stack.push(Id(self.pickle.values.len() as u32));
        self.pickle.values.push(value);
        Ok(())
    }

    fn bounded(&self, count: usize) -> Result<(), PthError> {
        match count > MAX_VALUES {
            true => Err(PthError::TooManyValues(MAX_VALUES)),
            false => Ok(()),
        }
    }

    /// The lowest height the stack may fall to.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, PthError> {
        let top = self.stack.get(self.floor()..).and_then(<[Id]>::last);
        top.copied().ok_or_else(|| self.damaged("an empty stack"))
    }

    fn pop(&mut self) -> Result<Id, PthError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn last(&mut self, count: usize) -> Result<Vec<Id>, PthError> {
        match self.stack.len() - self.floor() < count {
            true => Err(self.damaged("an empty stack")),
            false => Ok(self.stack.split_off(self.stack.len() - count)),
        }
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, PthError> {
        let mark = self.marks.pop();
        let mark = mark.ok_or_else(|| self.damaged("an end without a beginning"))?;
        Ok(self.stack.split_off(mark))
    }

    fn pairs(&self, items: &[Id]) -> Result<Vec<(Id, Id)>, PthError> {
        let (pairs, []) = items.as_chunks() else {
            return Err(self.damaged("a key without a value"));
        };
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn take(&mut self, length: u64) -> Result<&'p [u8], PthError> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|n| rest.get(..n));
        let taken = taken.ok_or_else(|| self.damaged("it ends within a value"))?;
        self.at += taken.len();
        Ok(taken)
    }

    /// A number of `N` bytes, the lowest first.
    fn number<const N: usize>(&mut self) -> Result<u64, PthError> {
        let bytes = self.take(N as u64)?.iter().rev();
        Ok(bytes.fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn line(&mut self) -> Result<&'p str, PthError> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n');
        let end = end.ok_or_else(|| self.damaged("it ends within a name"))?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| self.damaged("a name that is no text"))
    }

    fn damaged(&self, what: &'static str) -> PthError {
        let at = self.instruction;
        PthError::Pickle { at, what }
    }
}

/// A whole number of any length. No weight depends on one beyond 64 bits, so it is not kept.
fn long(bytes: &[u8]) -> Value<'static> {
    let negative = bytes.last().is_some_and(|&highest| highest >= 0x80);
    let mut whole = [if negative { 0xff } else { 0 }; 8];
    match whole.get_mut(..bytes.len()) {
        Some(low) => {
            low.copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(whole))
        }
        None => Value::Plain,
    }
}
