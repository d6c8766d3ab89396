//! Writes `impl Participant`.
//!
//! Each call has the span of what it is made from, so that the compiler reports a method of
//! the wrong shape where it is named, and a payload that cannot be one at the field's type.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, WhereClause};

use crate::parse::{Field, Participant, Port, Schema};
use crate::validate::{Direction, ValidPort};

pub(crate) fn participant(participant: &Participant<'_>, ports: &[ValidPort<'_>]) -> TokenStream {
    let name = &participant.node.ident;
    let krate = krate(participant);
    let component = component(participant, ports);
    // Hygienic, so that it shadows nothing of the user's.
    let connector = Ident::new("ports", Span::mixed_site());
    let connects = ports.iter().map(|port| connect(port, &connector, &krate));
    let binding = if ports.is_empty() { quote!(_) } else { quote!(#connector) };
    let (impl_generics, type_generics, where_clause) = participant.node.generics.split_for_impl();
    let where_clause = bounds(participant, ports, where_clause);
    quote! {
        #[automatically_derived]
        #[allow(private_bounds)]
        impl #impl_generics #krate::Participant for #name #type_generics #where_clause {
            fn component() -> #krate::Component {
                #component
            }

            fn connect(&mut self, #binding: &mut #krate::participant::Ports<Self>) {
                #(#connects)*
            }
        }
    }
}

/// What a participant must be, is asked of a generic one's parts.
fn bounds(
    participant: &Participant<'_>,
    ports: &[ValidPort<'_>],
    given: Option<&WhereClause>,
) -> TokenStream {
    let parameters: Vec<&Ident> =
        participant.node.generics.type_params().map(|parameter| &parameter.ident).collect();
    if parameters.is_empty() {
        return quote!(#given);
    }
    let given = given.iter().flat_map(|clause| &clause.predicates);
    let is_port = |field: &Field<'_>| ports.iter().any(|port| port.field == field.name);
    let state = participant
        .fields
        .iter()
        .filter(|field| !is_port(field) && mentions(field.ty.to_token_stream(), &parameters));
    let state = state.map(|field| {
        let ty = field.ty;
        quote_spanned!(at(ty)=> #ty: ::core::marker::Send + ::core::marker::Sync + 'static)
    });
    quote! {
        where
            #(#given,)*
            #(#parameters: ::core::marker::Send + 'static,)*
            #(#state,)*
    }
}

fn mentions(tokens: TokenStream, names: &[&Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => names.contains(&&ident),
        TokenTree::Group(group) => mentions(group.stream(), names),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// The errors, and an empty implementation, so that they are not buried under those of every
/// place that needs a participant.
pub(crate) fn failure(participant: &Participant<'_>, errors: &Error) -> TokenStream {
    let errors = errors.to_compile_error();
    let node = participant.node;
    if node.generics.lifetimes().next().is_some() {
        return errors;
    }
    let krate = krate(participant);
    let name = &node.ident;
    let (impl_generics, type_generics, where_clause) = node.generics.split_for_impl();
    let where_clause = bounds(participant, &[], where_clause);
    quote! {
        #errors

        #[automatically_derived]
        #[allow(private_bounds)]
        impl #impl_generics #krate::Participant for #name #type_generics #where_clause {
            fn component() -> #krate::Component {
                ::core::unreachable!()
            }

            fn connect(&mut self, _: &mut #krate::participant::Ports<Self>) {}
        }
    }
}

/// What `msgflo` is called here.
fn krate(participant: &Participant<'_>) -> TokenStream {
    participant.krate.as_ref().map_or_else(|| quote!(::msgflo), |path| quote!(#path))
}

fn component(participant: &Participant<'_>, ports: &[ValidPort<'_>]) -> TokenStream {
    let krate = krate(participant);
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
        let port = define(port, &krate);
        quote!(.#add(#port))
    });
    quote!(#krate::Component::new(#name) #(#label)* #(#icon)* #(#ports)*)
}

fn define(valid: &ValidPort<'_>, krate: &TokenStream) -> TokenStream {
    let ValidPort { id, payload, port, .. } = valid;
    let port_type = match &port.port_type {
        Some(port_type) => quote!(#port_type),
        None => quote_spanned!(at(payload)=> <#payload as #krate::Payload>::port_type()),
    };
    let format = quote_spanned! {at(payload)=>
        <#payload as #krate::Payload>::CONTENT_TYPE, <#payload as #krate::Payload>::message_type()
    };
    let mut options = quote!(.format(#format));
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
                <#payload as #krate::Describe>::schema()
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
    options.extend(how(port, krate));
    quote!(#krate::Port::new(#id, #port_type) #options)
}

/// How messages are processed, as far as the port says so itself.
fn how(port: &Port<'_>, krate: &TokenStream) -> TokenStream {
    let duration = |duration: &Duration| {
        let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
        quote!(::core::time::Duration::new(#seconds, #nanos))
    };
    let attempts = port.attempts.iter().map(|attempts| quote!(.attempts(#attempts)));
    let backoff = port.backoff.iter().map(|(shortest, longest)| {
        let (shortest, longest) = (duration(shortest), duration(longest));
        quote!(.backoff(#krate::Backoff::checked(#shortest, #longest)))
    });
    let timeout = port.timeout.iter().map(|timeout| {
        let timeout = duration(timeout);
        quote!(.timeout(#timeout))
    });
    let batch = port.batch.iter().map(|batch| quote!(.batch(#batch)));
    let linger = port.linger.iter().map(|linger| {
        let linger = duration(linger);
        quote!(.linger(#linger))
    });
    let parallel = port.parallel.then(|| quote!(.parallel(true)));
    let ordered_by = port.ordered_by.iter().map(|header| quote!(.ordered_by(#header)));
    let replies = port.replies.then(|| quote!(.replies(true)));
    let priority = port.max_priority.iter().map(|priority| quote!(.max_priority(#priority)));
    let required = (!port.required.is_empty()).then(|| {
        let abilities = port.required.iter().map(|ability| Ident::new(ability, Span::call_site()));
        quote! {
            .required({
                let mut required = #krate::transport::Abilities::NONE;
                #(required.#abilities = true;)*
                required
            })
        }
    });
    quote! {
        #(#attempts)* #(#backoff)* #(#timeout)* #(#batch)* #(#linger)* #parallel #(#ordered_by)*
        #replies #(#priority)* #required
    }
}

fn connect(valid: &ValidPort<'_>, ports: &Ident, krate: &TokenStream) -> TokenStream {
    let ValidPort { field, id, payload, direction, port } = valid;
    let member = quote_spanned!(at(payload)=> &mut self.#field);
    match direction {
        Direction::Out => quote_spanned!(at(payload)=> #ports.outport(#id, #member);),
        Direction::In(None) => {
            let method = quote!(#krate::participant::Method::<Self, #payload>::none());
            quote_spanned!(at(payload)=> #ports.inport(#id, #member, #method);)
        }
        Direction::In(Some(method)) => {
            let shape = match (port.batch.is_some(), port.blocking) {
                (true, true) => "blocking_batch",
                (true, false) => "batch",
                (false, true) => "blocking",
                (false, false) => "new",
            };
            let span = method.segments.last().map_or(method.span(), |last| last.ident.span());
            let span = span.resolved_at(Span::call_site());
            let method = match method.get_ident() {
                Some(method) => quote_spanned!(span=> Self::#method),
                None => quote!(#method),
            };
            // All of it has the method's span: else the compiler reports from the derive to there.
            let (krate, shape) = (moved(krate, span), Ident::new(shape, span));
            let method = quote_spanned! {span=>
                #krate::participant::Method::<Self, #payload>::#shape(#method)
            };
            quote_spanned!(at(payload)=> #ports.inport(#id, #member, #method);)
        }
    }
}

/// Where a piece of the user's code stands, with names resolved as in the derive's own.
fn at(tokens: &impl Spanned) -> Span {
    tokens.span().resolved_at(Span::call_site())
}

/// The same as if it stood at another place.
fn moved(tokens: &TokenStream, span: Span) -> TokenStream {
    let moved = tokens.clone().into_iter().map(|mut token| {
        token.set_span(span.resolved_at(token.span()));
        token
    });
    moved.collect()
}
