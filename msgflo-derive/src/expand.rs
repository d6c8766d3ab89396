//! Writes `impl Participant`.
//!
//! Each call has the span of what it is made from, so that the compiler reports a method of
//! the wrong shape where it is named, and a payload that cannot be one at the field's type.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{DeriveInput, Error};

use crate::parse::{Participant, Schema};
use crate::validate::{Direction, ValidPort};

pub(crate) fn participant(participant: &Participant<'_>, ports: &[ValidPort<'_>]) -> TokenStream {
    let name = &participant.node.ident;
    let component = component(participant, ports);
    // Hygienic, so that it shadows nothing of the user's.
    let connector = Ident::new("ports", Span::mixed_site());
    let connects = ports.iter().map(|port| connect(port, &connector));
    let binding = if ports.is_empty() { quote!(_) } else { quote!(#connector) };
    quote! {
        #[automatically_derived]
        impl ::msgflo::Participant for #name {
            fn component() -> ::msgflo::Component {
                #component
            }

            fn connect(&mut self, #binding: &mut ::msgflo::participant::Ports<Self>) {
                #(#connects)*
            }
        }
    }
}

/// The errors, and an empty implementation, so that they are not buried under those of every
/// place that needs a participant.
pub(crate) fn failure(node: &DeriveInput, errors: &Error) -> TokenStream {
    let errors = errors.to_compile_error();
    if !node.generics.params.is_empty() {
        return errors;
    }
    let name = &node.ident;
    quote! {
        #errors

        #[automatically_derived]
        impl ::msgflo::Participant for #name {
            fn component() -> ::msgflo::Component {
                ::core::unreachable!()
            }

            fn connect(&mut self, _: &mut ::msgflo::participant::Ports<Self>) {}
        }
    }
}

fn component(participant: &Participant<'_>, ports: &[ValidPort<'_>]) -> TokenStream {
    let name = match &participant.component {
        Some(name) => quote!(#name),
        None => {
            let name = participant.node.ident.unraw().to_string();
            quote!(::core::concat!(::core::env!("CARGO_PKG_NAME"), "/", #name))
        }
    };
    let label = participant.label.iter().map(|label| quote!(.label(#label)));
    let icon = participant.icon.iter().map(|icon| quote!(.icon(#icon)));
    let ports = ports.iter().map(|port| {
        let add = match port.direction {
            Direction::In(_) => quote!(inport),
            Direction::Out => quote!(outport),
        };
        let port = define(port);
        quote!(.#add(#port))
    });
    quote!(::msgflo::Component::new(#name) #(#label)* #(#icon)* #(#ports)*)
}

fn define(valid: &ValidPort<'_>) -> TokenStream {
    let ValidPort { id, payload, port, .. } = valid;
    let port_type = match &port.port_type {
        Some(port_type) => quote!(#port_type),
        None => quote_spanned!(at(payload)=> <#payload as ::msgflo::Payload>::port_type()),
    };
    let mut options = TokenStream::new();
    if let Some(description) = &port.description {
        options.extend(quote!(.description(#description)));
    }
    if let Some(queue) = &port.queue {
        options.extend(quote!(.queue(#queue)));
    }
    match &port.schema {
        None => {}
        Some(Schema::Text(text)) => options.extend(quote!(.schema(#text))),
        Some(Schema::Generated(span)) => {
            let schema = quote_spanned! {span.resolved_at(Span::call_site())=>
                <#payload as ::msgflo::Describe>::schema()
            };
            options.extend(quote!(.schema(#schema)));
        }
    }
    if port.hidden {
        options.extend(quote!(.hidden(true)));
    }
    if !port.persistent {
        options.extend(quote!(.persistent(false)));
    }
    if let Some(concurrency) = port.concurrency {
        options.extend(quote!(.concurrency(#concurrency)));
    }
    quote!(::msgflo::Port::new(#id, #port_type) #options)
}

fn connect(port: &ValidPort<'_>, ports: &Ident) -> TokenStream {
    let ValidPort { field, id, payload, direction, .. } = port;
    let member = quote_spanned!(at(payload)=> &mut self.#field);
    match direction {
        Direction::Out => quote_spanned!(at(payload)=> #ports.outport(#id, #member);),
        Direction::In(method) => {
            let span = method.segments.last().map_or(method.span(), |last| last.ident.span());
            let span = span.resolved_at(Span::call_site());
            let method = match method.get_ident() {
                Some(method) => quote_spanned!(span=> Self::#method),
                None => quote!(#method),
            };
            let method = quote_spanned! {span=>
                ::msgflo::participant::Method::<Self, #payload>::new(#method)
            };
            quote_spanned!(at(payload)=> #ports.inport(#id, #member, #method);)
        }
    }
}

/// Where a piece of the user's code stands, with names resolved as in the derive's own.
fn at(tokens: &impl Spanned) -> Span {
    tokens.span().resolved_at(Span::call_site())
}
